package dev.finetune.trainer.optim;

import dev.finetune.api.spec.OptimizerOptions;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.engine.AdamStep;
import org.jspecify.annotations.Nullable;

/**
 * The constants of Adam with decoupled weight decay.
 *
 * @param beta1 decay of the mean of gradients, 0 to 1 (exclusive)
 * @param beta2 decay of the mean of squared gradients, 0 to 1 (exclusive)
 * @param epsilon added to the root of the second moment, above 0
 * @param weightDecay share of the parameters, times the rate, that each step takes off
 */
public record AdamConstants(double beta1, double beta2, double epsilon, double weightDecay) {
  private static final AdamConstants STANDARD = new AdamConstants(0.9, 0.999, 1e-8, 0);

  /** Returns torch's defaults with a weight decay. */
  public static AdamConstants standard(double weightDecay) {
    return new AdamConstants(STANDARD.beta1, STANDARD.beta2, STANDARD.epsilon, weightDecay);
  }

  static AdamConstants of(Training training) {
    OptimizerOptions options = training.optimizerOptions();
    return options == null
        ? standard(training.weightDecay())
        : new AdamConstants(
            orElse(options.beta1(), STANDARD.beta1),
            orElse(options.beta2(), STANDARD.beta2),
            orElse(options.epsilon(), STANDARD.epsilon),
            training.weightDecay());
  }

  AdamStep step(ParameterLayout.Rates rates, double learningRate, int step, double clip) {
    return new AdamStep(
        clip,
        learningRate * rates.learning(),
        weightDecay * rates.decay(),
        beta1,
        beta2,
        epsilon,
        step);
  }

  private static double orElse(@Nullable Double value, double other) {
    return value == null ? other : value;
  }
}
