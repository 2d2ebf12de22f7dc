package dev.finetune.trainer.model;

import dev.finetune.trainer.quant.FrozenWeight;

/**
 * A linear layer of the base model.
 *
 * @param name name of the layer, such as {@code model.layers.0.self_attn.q_proj}
 * @param weight its weight (out, in)
 */
record FrozenLinear(String name, FrozenWeight weight) implements AutoCloseable {
  @Override
  public void close() {
    weight.close();
  }
}
