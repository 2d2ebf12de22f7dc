package dev.finetune.trainer.lora;

import dev.finetune.trainer.engine.Tensor;
import org.jspecify.annotations.Nullable;

/**
 * The low-rank update of one linear layer, as views into the flat tensors of its adapter.
 *
 * @param name name of the layer, such as {@code model.layers.0.self_attn.q_proj}
 * @param a A (rank, in) in the type of activations
 * @param b B (out, rank) in the type of activations
 * @param gradientA gradient to A, {@code F32}
 * @param gradientB gradient to B, {@code F32}
 * @param scaling factor of {@code B A}
 * @param magnitude the magnitude of a decomposed update, or null
 */
public record LoraModule(
    String name,
    Tensor a,
    Tensor b,
    Tensor gradientA,
    Tensor gradientB,
    double scaling,
    @Nullable LoraMagnitude magnitude) {}
