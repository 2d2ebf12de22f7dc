package dev.finetune.trainer.lora;

/**
 * A linear layer that an adapter may change.
 *
 * @param name name of the layer, such as {@code model.layers.0.self_attn.q_proj}
 * @param in size of its input
 * @param out size of its output
 */
public record LinearShape(String name, long in, long out) {}
