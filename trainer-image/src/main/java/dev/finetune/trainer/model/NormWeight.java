package dev.finetune.trainer.model;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.WholeModule;
import org.jspecify.annotations.Nullable;

/**
 * A norm, whose weight is that of the base model, or that of an adapter which trains it.
 *
 * @param name name of the norm, such as {@code model.layers.0.input_layernorm}
 * @param base the base model's weight (width), {@code F32}, as the norm multiplies by it
 * @param special in what it differs from a plain root mean square
 */
record NormWeight(Kernels kernels, String name, Tensor base, Special special)
    implements AutoCloseable {
  /**
   * In what a norm differs from a plain root mean square.
   *
   * @param epsilon added to the mean square or the variance
   * @param plusOne whether the weight is stored less one
   * @param bias the bias (width), {@code F32}, if it is a layer norm
   */
  record Special(double epsilon, boolean plusOne, @Nullable Tensor bias) {}

  /** Returns the weight that counts with an adapter, or with none. */
  Tensor with(@Nullable LoraAdapter adapter) {
    WholeModule whole = whole(adapter);
    return whole == null ? base : whole.weight();
  }

  private @Nullable WholeModule whole(@Nullable LoraAdapter adapter) {
    WholeModule whole = adapter == null ? null : adapter.whole(name);
    if (whole != null && (special.plusOne() || special.bias() != null)) {
      throw new UnsupportedModel(
          "modules to save: %s: a norm of this family cannot be trained".formatted(name));
    }
    return whole;
  }

  /** Computes the norm of x over its last dimension. */
  Kernels.Normalized forward(Scope scope, Tensor x, @Nullable LoraAdapter adapter) {
    Tensor bias = special.bias();
    return bias == null
        ? kernels.rmsNorm(scope, x, with(adapter), special.epsilon())
        : kernels.layerNorm(scope, x, with(adapter), bias, special.epsilon());
  }

  /** Computes the norm again from what the forward pass kept. */
  Tensor again(Scope scope, Tensor x, Tensor inverse, @Nullable LoraAdapter adapter) {
    Tensor bias = special.bias();
    return bias == null
        ? kernels.rmsNormAgain(scope, x, inverse, with(adapter))
        : kernels.layerNormAgain(scope, x, inverse, with(adapter), bias);
  }

  /** Returns the gradient to x plus that of the residual stream. */
  Tensor backward(
      Scope scope,
      Tensor residual,
      Tensor g,
      Tensor x,
      Tensor inverse,
      @Nullable LoraAdapter adapter) {
    return special.bias() == null
        ? kernels.rmsNormBackward(scope, residual, g, x, inverse, with(adapter))
        : kernels.layerNormBackward(scope, residual, g, x, inverse, with(adapter));
  }

  /** Returns the gradient to x of a root mean square whose input nothing else reads. */
  Tensor backward(Scope scope, Tensor g, Tensor x, Tensor inverse, @Nullable LoraAdapter adapter) {
    return kernels.rmsNormGradient(scope, g, x, inverse, with(adapter));
  }

  /**
   * Adds the gradient to the weight to an adapter that trains it.
   *
   * @param g gradient to the output (T, width) or (T, heads, width)
   * @param x the input, of the same shape
   * @param inverse inverse root mean square of the input
   */
  void accumulate(@Nullable LoraAdapter adapter, Tensor g, Tensor x, Tensor inverse) {
    WholeModule whole = whole(adapter);
    if (whole == null) {
      return;
    }
    long width = base.elements();
    long rows = x.elements() / width;
    try (Scope scope = new Scope()) {
      kernels.accumulateNorm(
          whole.gradient(),
          kernels.reshape(scope, g, rows, width),
          kernels.reshape(scope, x, rows, width),
          kernels.reshape(scope, inverse, rows, 1));
    }
  }

  /** Sets the weight of an adapter that trains the norm to the base model's. */
  void initialize(LoraAdapter adapter) {
    WholeModule whole = whole(adapter);
    if (whole != null) {
      kernels.overwrite(whole.master(), base);
    }
  }

  @Override
  public void close() {
    base.close();
    Tensor bias = special.bias();
    if (bias != null) {
      bias.close();
    }
  }
}
