package dev.finetune.trainer.optim;

import dev.finetune.api.spec.ScheduleOptions;
import org.jspecify.annotations.Nullable;

/**
 * What {@code reduceOnPlateau} remembers from one evaluation to the next; the rules are those of
 * torch's {@code ReduceLROnPlateau} with mode {@code min} and a relative threshold. Under LoRA+ the
 * rate of B stays the same multiple of this one, where torch would reduce it down to the least rate
 * by itself.
 *
 * @param learningRate the rate of the next steps, without warm-up
 * @param best least held-out loss so far, null before the first evaluation
 * @param badEvaluations evaluations since then, or since the last reduction, that were not better
 * @param cooldown evaluations to come that do not count
 */
public record Plateau(
    double learningRate, @Nullable Double best, int badEvaluations, int cooldown) {
  private static final double FACTOR = 0.1;
  private static final int PATIENCE = 10;
  private static final double THRESHOLD = 1e-4;

  /** A reduction by less than this is none. */
  private static final double LEAST_REDUCTION = 1e-8;

  /** Returns what there is before the first evaluation. */
  public static Plateau start(double learningRate) {
    return new Plateau(learningRate, null, 0, 0);
  }

  /** Returns what there is after an evaluation that gave this loss. */
  public Plateau after(double loss, ScheduleOptions options) {
    Double threshold = options.threshold();
    Integer patience = options.patience();
    boolean better =
        best == null || loss < best * (1 - (threshold == null ? THRESHOLD : threshold));
    Double newBest = better ? Double.valueOf(loss) : best;
    int bad = better || cooldown > 0 ? 0 : badEvaluations + 1;
    if (bad > (patience == null ? PATIENCE : patience)) {
      Integer pause = options.cooldown();
      return new Plateau(reduced(options), newBest, 0, pause == null ? 0 : pause);
    }
    return new Plateau(learningRate, newBest, bad, Math.max(0, cooldown - 1));
  }

  private double reduced(ScheduleOptions options) {
    Double factor = options.factor();
    Double least = options.minLearningRate();
    double reduced =
        Math.max(learningRate * (factor == null ? FACTOR : factor), least == null ? 0 : least);
    return learningRate - reduced > LEAST_REDUCTION ? reduced : learningRate;
  }
}
