package dev.finetune.trainer.model;

import dev.finetune.trainer.basemodel.DecoderTraits;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.lora.LoraAdapter;
import org.jspecify.annotations.Nullable;

/**
 * The second half of a block: {@code x + down(activation(gate(h)) * up(h))}, h being the norm of x;
 * without a gate {@code x + down(activation(up(h)))}. Some families have a norm of what is added.
 */
final class FeedForward implements AutoCloseable {
  private final Kernels kernels;
  private final ModelConfig config;
  private final DecoderTraits.FeedForward traits;
  private final Weights weights;

  /**
   * The weights.
   *
   * @param norm of the input (hidden)
   * @param outputNorm of what is added to the input (hidden), or null
   * @param into two layers, or one whose output is both, or without a gate just one
   */
  record Weights(
      NormWeight norm, @Nullable NormWeight outputNorm, LinearGroup into, LinearGroup down) {}

  FeedForward(Kernels kernels, ModelConfig config, Weights weights) {
    this.kernels = kernels;
    this.config = config;
    this.traits = config.traits().feedForward();
    this.weights = weights;
  }

  /**
   * What the backward pass needs.
   *
   * @param first output of the first layer of {@link Weights#into}
   * @param second output of its second layer, or null if it has one
   * @param output what the norm of the output was made of, or null
   */
  record Saved(
      Tensor inverse,
      @Nullable Tensor outputInverse,
      Tensor x,
      Tensor first,
      @Nullable Tensor second,
      @Nullable Tensor output,
      @Nullable Tensor lowInto,
      @Nullable Tensor lowDown) {}

  /** The output of this half (T, hidden), and what its backward pass needs. */
  record Result(Tensor y, Saved saved) {}

  /**
   * Computes this half.
   *
   * @param x (T, hidden)
   * @return tensors owned by the scope
   */
  Result forward(Scope scope, Tensor x, Pass pass) {
    LoraAdapter adapter = pass.adapter();
    Kernels.Normalized h = weights.norm().forward(scope, x, adapter);
    LinearGroup.Outputs into = weights.into().forward(scope, h.y(), pass);
    Tensor second = into.y().length > 1 ? into.y()[1] : null;
    Tensor product = activated(scope, into.y()[0], second);
    LinearGroup.Outputs down = weights.down().forward(scope, product, pass);
    NormWeight outputNorm = weights.outputNorm();
    Kernels.Normalized normalized =
        outputNorm == null ? null : outputNorm.forward(scope, down.y()[0], adapter);
    Tensor y = normalized == null ? down.y()[0] : normalized.y();
    kernels.accumulate(y, x);
    return new Result(
        y,
        new Saved(
            h.inverse(),
            normalized == null ? null : normalized.inverse(),
            x,
            into.y()[0],
            second,
            normalized == null ? null : down.y()[0],
            into.low(),
            down.low()));
  }

  private Tensor activated(Scope scope, Tensor first, @Nullable Tensor second) {
    if (!traits.gated()) {
      return kernels.gelu(scope, first);
    }
    Tensor gate = gate(scope, first, second);
    Tensor up = up(scope, first, second);
    return switch (traits.activation()) {
      case SILU -> kernels.swiglu(scope, gate, up);
      case GELU_TANH -> kernels.geglu(scope, gate, up);
    };
  }

  private Tensor gate(Scope scope, Tensor first, @Nullable Tensor second) {
    return second == null ? kernels.columns(scope, first, 0, config.intermediateSize()) : first;
  }

  private Tensor up(Scope scope, Tensor first, @Nullable Tensor second) {
    long inner = config.intermediateSize();
    return second == null ? kernels.columns(scope, first, inner, 2 * inner) : second;
  }

  /** Returns the gradients to the outputs of {@link Weights#into}. */
  private Tensor[] activatedBackward(Scope scope, Tensor g, Saved s) {
    if (!traits.gated()) {
      return new Tensor[] {kernels.geluBackward(scope, g, s.first())};
    }
    Tensor gate = gate(scope, s.first(), s.second());
    Tensor up = up(scope, s.first(), s.second());
    Kernels.Pair d =
        switch (traits.activation()) {
          case SILU -> kernels.swigluBackward(scope, g, gate, up);
          case GELU_TANH -> kernels.gegluBackward(scope, g, gate, up);
        };
    if (s.second() != null) {
      return new Tensor[] {d.first(), d.second()};
    }
    Tensor joined = kernels.joinColumns(scope, d.first(), d.second());
    scope.free(d.first());
    scope.free(d.second());
    return new Tensor[] {joined};
  }

  /**
   * Adds the gradients of the updates to the adapter and returns the gradient to x.
   *
   * @param g gradient to the output of this half (T, hidden)
   */
  Tensor backward(Scope scope, Tensor g, Pass pass, Saved s) {
    LoraAdapter adapter = pass.adapter();
    Tensor dOutput = outputBackward(scope, g, pass, s);
    Tensor product = activated(scope, s.first(), s.second());
    Tensor dProduct =
        weights.down().backward(scope, new Tensor[] {dOutput}, product, s.lowDown(), pass);
    scope.free(product);
    Tensor[] dInto = activatedBackward(scope, dProduct, s);
    scope.free(dProduct);
    Tensor h = weights.norm().again(scope, s.x(), s.inverse(), adapter);
    Tensor dh = weights.into().backward(scope, dInto, h, s.lowInto(), pass);
    for (Tensor gradient : dInto) {
      scope.free(gradient);
    }
    weights.norm().accumulate(adapter, dh, s.x(), s.inverse());
    return weights.norm().backward(scope, g, dh, s.x(), s.inverse(), adapter);
  }

  private Tensor outputBackward(Scope scope, Tensor g, Pass pass, Saved s) {
    NormWeight norm = weights.outputNorm();
    if (norm == null || s.output() == null || s.outputInverse() == null) {
      return g;
    }
    norm.accumulate(pass.adapter(), g, s.output(), s.outputInverse());
    return norm.backward(scope, g, s.output(), s.outputInverse(), pass.adapter());
  }

  /** Sets what an adapter begins with of this half. */
  void initialize(LoraAdapter adapter) {
    weights.norm().initialize(adapter);
    if (weights.outputNorm() != null) {
      weights.outputNorm().initialize(adapter);
    }
    weights.into().initializeMagnitudes(adapter);
    weights.down().initializeMagnitudes(adapter);
  }

  @Override
  public void close() {
    weights.norm().close();
    if (weights.outputNorm() != null) {
      weights.outputNorm().close();
    }
    weights.into().close();
    weights.down().close();
  }
}
