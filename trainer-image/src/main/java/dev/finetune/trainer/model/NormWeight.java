package dev.finetune.trainer.model;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.WholeModule;
import org.jspecify.annotations.Nullable;

/**
 * The weight of a norm: that of the base model, or that of an adapter which trains it.
 *
 * @param name name of the norm, such as {@code model.layers.0.input_layernorm}
 * @param base the base model's weight (hidden), {@code F32}
 */
record NormWeight(Kernels kernels, String name, Tensor base) implements AutoCloseable {
  /** Returns the weight that counts with an adapter, or with none. */
  Tensor with(@Nullable LoraAdapter adapter) {
    WholeModule whole = adapter == null ? null : adapter.whole(name);
    return whole == null ? base : whole.weight();
  }

  /**
   * Adds the gradient to the weight to an adapter that trains it.
   *
   * @param g gradient to the output (T, hidden)
   * @param x the input (T, hidden)
   * @param inverse inverse root mean square of the input (T, 1)
   */
  void accumulate(@Nullable LoraAdapter adapter, Tensor g, Tensor x, Tensor inverse) {
    WholeModule whole = adapter == null ? null : adapter.whole(name);
    if (whole != null) {
      kernels.accumulateNorm(whole.gradient(), g, x, inverse);
    }
  }

  /** Sets the weight of an adapter that trains the norm to the base model's. */
  void initialize(LoraAdapter adapter) {
    WholeModule whole = adapter.whole(name);
    if (whole != null) {
      kernels.overwrite(whole.master(), base);
    }
  }

  @Override
  public void close() {
    base.close();
  }
}
