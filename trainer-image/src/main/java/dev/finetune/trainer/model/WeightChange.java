package dev.finetune.trainer.model;

import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;

/** What becomes of the weight of a linear layer before it is kept. */
@FunctionalInterface
public interface WeightChange {
  /**
   * Returns the weight to keep.
   *
   * @param scope owner of a new tensor
   * @param linear name of the layer, such as {@code model.layers.0.self_attn.q_proj}
   * @param weight the weight on disk (out, in), {@code F32}
   * @return a weight of the same shape, {@code F32}, perhaps {@code weight} itself
   */
  Tensor apply(Scope scope, String linear, Tensor weight);
}
