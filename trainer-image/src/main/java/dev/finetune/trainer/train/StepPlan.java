package dev.finetune.trainer.train;

import dev.finetune.api.spec.Training;
import dev.finetune.trainer.data.Mixture;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/**
 * Which examples each optimizer step sees: a pure function, so that a resumed run goes on as the
 * uninterrupted one would. The last step of an epoch takes what is left.
 *
 * @param examples number of examples of an epoch
 * @param globalBatchSize examples in one optimizer step
 * @param totalSteps optimizer steps of the run
 * @param order permutation of the examples of an epoch, which is counted from 0
 */
public record StepPlan(
    int examples, int globalBatchSize, int totalSteps, IntFunction<int[]> order) {
  /** Makes the plan of a run whose examples are of one source. */
  public static StepPlan of(Training training, int examples) {
    return of(training, examples, 0);
  }

  /** Makes the plan of a run of one source that leaves room in its global batches. */
  public static StepPlan of(Training training, int examples, int replayed) {
    return of(training, Mixture.ofOne(examples), replayed);
  }

  /**
   * Makes the plan of a run that leaves room in its global batches.
   *
   * @param replayed examples of a global batch that come from elsewhere
   */
  public static StepPlan of(Training training, Mixture mixture, int replayed) {
    IntFunction<int[]> order = mixture.epochs(training.seed(), training.shuffle());
    int examples = mixture.epochSize();
    int batch = training.globalBatchSize() - replayed;
    int perEpoch = (examples + batch - 1) / batch;
    Integer maxSteps = training.maxSteps();
    Integer epochs = training.epochs();
    int total =
        maxSteps != null ? maxSteps : Math.multiplyExact(perEpoch, epochs == null ? 1 : epochs);
    return new StepPlan(examples, batch, total, order);
  }

  /** Returns the steps of one pass over the examples. */
  public int stepsPerEpoch() {
    return (examples + globalBatchSize - 1) / globalBatchSize;
  }

  /** Returns the places of the examples of a step, which is counted from 0. */
  public List<Integer> examplesOf(int step) {
    int[] permutation = order.apply(step / stepsPerEpoch());
    int start = step % stepsPerEpoch() * globalBatchSize;
    int end = Math.min(examples, start + globalBatchSize);
    List<Integer> places = new ArrayList<>();
    for (int i = start; i < end; i++) {
      places.add(permutation[i]);
    }
    return places;
  }

  /** Returns the optimizer steps of the warm-up. */
  public int warmupSteps(Training training) {
    Integer steps = training.warmupSteps();
    if (steps != null) {
      return steps;
    }
    Double ratio = training.warmupRatio();
    return ratio == null ? 0 : (int) Math.ceil(totalSteps * ratio);
  }
}
