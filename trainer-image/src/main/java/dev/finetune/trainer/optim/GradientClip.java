package dev.finetune.trainer.optim;

/** Scaling of gradients to a largest norm, as torch's {@code clip_grad_norm_}. */
public final class GradientClip {
  private static final double EPSILON = 1e-6;

  private GradientClip() {}

  /**
   * Returns the factor that brings a gradient of this norm down to the largest one.
   *
   * @param maximum largest norm; 0 switches clipping off
   */
  public static double factor(double norm, double maximum) {
    return maximum == 0 ? 1 : Math.min(1, maximum / (norm + EPSILON));
  }
}
