package dev.finetune.trainer.train;

import dev.finetune.api.spec.Training;
import dev.finetune.trainer.data.Mixture;
import dev.finetune.trainer.failure.InvalidConfiguration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/**
 * Which general examples each optimizer step replays beside those of the task: a pure function of
 * seed and step. They are taken in an order of their own, which begins anew, shuffled otherwise,
 * each time that all were seen.
 *
 * @param examples number of general examples
 * @param perStep general examples of each step
 * @param order permutation of the examples of a pass, which is counted from 0
 */
public record ReplayPlan(int examples, int perStep, IntFunction<int[]> order) {
  private static final long PURPOSE = 0x7265706c6179L;

  /** Makes the plan of a run that replays something. */
  public static ReplayPlan of(Training training, double share, int examples) {
    return new ReplayPlan(
        examples,
        perStep(training, share),
        Mixture.ofOne(examples).epochs(training.seed() ^ PURPOSE, training.shuffle()));
  }

  /**
   * Returns how many examples of a step are replayed: the share of the global batch, rounded to
   * whole examples, at least one and never all; 0 for no share.
   *
   * @throws InvalidConfiguration if a step has a single example
   */
  public static int perStep(Training training, double share) {
    if (share == 0) {
      return 0;
    }
    int batch = training.globalBatchSize();
    if (batch < 2) {
      throw new InvalidConfiguration(
          "spec.forgetting.replayShare: needs spec.training.globalBatchSize of at least 2, was "
              + batch);
    }
    return Math.clamp(Math.round(share * batch), 1, batch - 1);
  }

  /** Returns the places of the general examples of a step, which is counted from 0. */
  public List<Integer> examplesOf(int step) {
    List<Integer> places = new ArrayList<>();
    long first = (long) step * perStep;
    for (long i = first; i < first + perStep; i++) {
      int pass = Math.toIntExact(i / examples);
      places.add(order.apply(pass)[(int) (i % examples)]);
    }
    return places;
  }
}
