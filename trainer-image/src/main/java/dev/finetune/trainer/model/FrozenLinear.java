package dev.finetune.trainer.model;

import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.quant.FrozenWeight;
import org.jspecify.annotations.Nullable;

/**
 * A linear layer of the base model.
 *
 * @param name name of the layer, such as {@code model.layers.0.self_attn.q_proj}
 * @param weight its weight (out, in)
 * @param bias its bias (out) in the type of activations, or null
 */
record FrozenLinear(String name, FrozenWeight weight, @Nullable Tensor bias)
    implements AutoCloseable {
  @Override
  public void close() {
    weight.close();
    if (bias != null) {
      bias.close();
    }
  }
}
