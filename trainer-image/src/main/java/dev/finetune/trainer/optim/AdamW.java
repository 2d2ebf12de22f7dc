package dev.finetune.trainer.optim;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;

/**
 * Adam with decoupled weight decay over one flat tensor, in {@code F32}, as torch computes it.
 *
 * @see <a href="https://arxiv.org/abs/1711.05101">Decoupled weight decay regularization</a>
 */
public final class AdamW implements AutoCloseable {
  private static final double BETA1 = 0.9;
  private static final double BETA2 = 0.999;
  private static final double EPSILON = 1e-8;

  private final Kernels kernels;
  private final double weightDecay;
  private final Scope scope = new Scope();
  private final Tensor firstMoment;
  private final Tensor secondMoment;

  /**
   * Makes one whose moments are zero.
   *
   * @param size number of parameters
   */
  public AdamW(Kernels kernels, long size, double weightDecay) {
    this.kernels = kernels;
    this.weightDecay = weightDecay;
    this.firstMoment = kernels.engine().zeros(scope, size);
    this.secondMoment = kernels.engine().zeros(scope, size);
  }

  /**
   * Updates parameters in place.
   *
   * @param step optimizer step, from 1
   * @param clip factor of the gradients, at most 1
   */
  public void update(
      Tensor parameters, Tensor gradients, double learningRate, int step, double clip) {
    kernels.adamW(
        parameters,
        gradients,
        firstMoment,
        secondMoment,
        clip,
        1 - learningRate * weightDecay,
        BETA1,
        BETA2,
        learningRate / (1 - Math.pow(BETA1, step)),
        Math.sqrt(1 - Math.pow(BETA2, step)),
        EPSILON);
  }

  /** Returns the exponential averages of gradients. */
  public float[] firstMoment() {
    return firstMoment.toFloats();
  }

  /** Returns the exponential averages of squared gradients. */
  public float[] secondMoment() {
    return secondMoment.toFloats();
  }

  /** Overwrites both moments. */
  public void setMoments(float[] first, float[] second) {
    kernels.engine().set(firstMoment, first);
    kernels.engine().set(secondMoment, second);
  }

  @Override
  public void close() {
    scope.close();
  }
}
