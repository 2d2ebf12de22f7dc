package dev.finetune.trainer.optim;

import dev.finetune.api.spec.Schedule;
import dev.finetune.trainer.failure.InvalidConfiguration;

/**
 * The learning rate of each optimizer step: a straight rise over the warm-up, then the schedule.
 * The formulas are those of transformers' {@code get_scheduler}.
 *
 * @param schedule shape after the warm-up
 * @param peak highest rate
 * @param warmupSteps steps of the rise
 * @param totalSteps steps of the run
 */
public record LearningRate(Schedule schedule, double peak, int warmupSteps, int totalSteps) {
  /** Returns the rate of a step, counted from 0; the first step of a warm-up has rate 0. */
  public double at(int step) {
    return peak * factor(step);
  }

  private double factor(int step) {
    if (step < warmupSteps) {
      return (double) step / Math.max(1, warmupSteps);
    }
    double decaySteps = Math.max(1, totalSteps - warmupSteps);
    return switch (schedule) {
      case CONSTANT, CONSTANT_WITH_WARMUP -> 1;
      case LINEAR -> Math.max(0, (totalSteps - step) / decaySteps);
      case COSINE -> {
        double done = (step - warmupSteps) / decaySteps;
        yield Math.max(0, 0.5 * (1 + Math.cos(Math.PI * done)));
      }
      case COSINE_WITH_RESTARTS,
          COSINE_WITH_MIN_LR,
          POLYNOMIAL,
          INVERSE_SQRT,
          WARMUP_STABLE_DECAY,
          REDUCE_ON_PLATEAU ->
          throw new InvalidConfiguration(
              "spec.training.schedule: " + schedule + " is not supported by this trainer");
    };
  }
}
