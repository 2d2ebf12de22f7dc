package dev.finetune.trainer.lora;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;

/**
 * The trained magnitude m of a layer whose direction LoRA updates: {@code y = m / norm (W + s B A)
 * x}, norm being that of each row of {@code W + s B A}. The gradient does not flow through the
 * norm.
 *
 * <p>The norm needs the whole weight, so it is computed once for each state of the parameters and
 * kept.
 *
 * @see <a href="https://arxiv.org/abs/2402.09353">DoRA, sections 4.2 and 4.3</a>
 */
public final class LoraMagnitude {
  private final Kernels kernels;
  private final Tensor values;
  private final Tensor gradient;
  private final Tensor a;
  private final Tensor b;
  private final double scaling;
  private final Tensor norm;
  private boolean normIsOld = true;

  /**
   * Makes one of views into the flat tensors of an adapter, all {@code F32}.
   *
   * @param scope owner of the norm
   * @param values m (out)
   * @param gradient gradient to m (out)
   * @param a A (rank, in)
   * @param b B (out, rank)
   */
  LoraMagnitude(
      Kernels kernels, Scope scope, Tensor values, Tensor gradient, Tensor a, LowRankB b) {
    this.kernels = kernels;
    this.values = values;
    this.gradient = gradient;
    this.a = a;
    this.b = b.matrix();
    this.scaling = b.scaling();
    this.norm = kernels.engine().zeros(scope, values.elements());
  }

  /** B in {@code F32} with the factor of the update. */
  record LowRankB(Tensor matrix, double scaling) {}

  /** Notes that A or B has changed. */
  void parametersChanged() {
    normIsOld = true;
  }

  /** Returns whether {@link #normalize} must be called before {@link #scale}. */
  public boolean needsNorm() {
    return normIsOld;
  }

  /** Computes the norm of each row, given the base weight (out, in) in the type of activations. */
  public void normalize(Tensor weight) {
    kernels.rowNorms(norm, weight, a, b, scaling);
    normIsOld = false;
  }

  /** Sets the magnitude to the norm, so that the layer computes {@code (W + s B A) x}. */
  public void setToNorm(Tensor weight) {
    normalize(weight);
    kernels.overwrite(values, norm);
  }

  /** Returns the factor of each output, m / norm (out), {@code F32}. */
  public Tensor scale(Scope scope) {
    if (normIsOld) {
      throw new IllegalStateException("the norm is that of other parameters");
    }
    return kernels.divide(scope, values, norm);
  }

  /** Returns the norm of each row (out), {@code F32}. */
  public Tensor norm() {
    return norm;
  }

  /**
   * Adds the gradient to m.
   *
   * @param g gradient to the output (T, out)
   * @param direction output of {@code W + s B A} (T, out)
   */
  public void accumulate(Tensor g, Tensor direction) {
    kernels.accumulateMagnitude(gradient, g, direction, norm);
  }
}
