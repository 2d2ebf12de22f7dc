package dev.finetune.trainer.checkpoint;

import dev.finetune.api.run.EvaluationPoint;
import dev.finetune.trainer.evaluation.EvaluationHistory;
import dev.finetune.trainer.evaluation.Standing;
import dev.finetune.trainer.optim.Plateau;
import dev.finetune.trainer.progress.Metrics;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What a checkpoint keeps besides tensors. Nothing else is needed: order and dropout are functions
 * of the step, and so is the learning rate where it does not follow the held-out loss.
 *
 * @param step optimizer steps completed
 * @param loss training loss of the last step
 * @param evalLossBefore held-out loss before the first step, if measured
 * @param evalLoss held-out loss of the last evaluation between steps, if there was one
 * @param plateau what {@code reduceOnPlateau} follows, null for every other schedule
 * @param unevaluated the last step, if the evaluation that belongs to it has yet to be made
 * @param evaluations what was measured so far
 * @param standing which evaluation was the best, and how long ago
 * @param lossSum sum of the training losses of the steps since the last evaluation
 * @param lossSteps how many these are
 */
public record TrainingState(
    int step,
    double loss,
    @Nullable Double evalLossBefore,
    @Nullable Double evalLoss,
    @Nullable Plateau plateau,
    @Nullable Metrics unevaluated,
    EvaluationHistory evaluations,
    Standing standing,
    double lossSum,
    int lossSteps) {
  /** Fills in what a checkpoint of an older version lacks. */
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  public TrainingState {
    standing = standing == null ? Standing.start() : standing;
    evaluations = evaluations == null ? history(evalLossBefore) : evaluations;
  }

  /** Makes one of a run that keeps nothing of its evaluations but the loss. */
  public TrainingState(
      int step,
      double loss,
      @Nullable Double evalLossBefore,
      @Nullable Double evalLoss,
      @Nullable Plateau plateau,
      @Nullable Metrics unevaluated) {
    this(
        step,
        loss,
        evalLossBefore,
        evalLoss,
        plateau,
        unevaluated,
        history(evalLossBefore),
        Standing.start(),
        0,
        0);
  }

  private static EvaluationHistory history(@Nullable Double evalLossBefore) {
    return evalLossBefore == null
        ? EvaluationHistory.empty()
        : EvaluationHistory.empty()
            .with(new EvaluationPoint(0, null, evalLossBefore, new TreeMap<>(), null, null, null));
  }

  /**
   * Returns the state before the first step.
   *
   * @param before what was measured, or null if nothing was
   */
  public static TrainingState start(@Nullable EvaluationPoint before, @Nullable Plateau plateau) {
    EvaluationHistory history = EvaluationHistory.empty();
    return new TrainingState(
        0,
        0,
        before == null ? null : before.loss(),
        null,
        plateau,
        null,
        before == null ? history : history.with(before),
        Standing.start(),
        0,
        0);
  }

  /** Returns the state after a step that is not evaluated or reported yet. */
  public TrainingState stepped(Metrics metrics) {
    return new TrainingState(
        metrics.step(),
        metrics.loss(),
        evalLossBefore,
        evalLoss,
        plateau,
        metrics,
        evaluations,
        standing,
        lossSum + metrics.loss(),
        lossSteps + 1);
  }

  /** Returns the mean training loss since the last evaluation, null if there was no step since. */
  public @Nullable Double meanLoss() {
    return lossSteps == 0 ? null : lossSum / lossSteps;
  }

  /** Returns the state after the last step is done with, where it had no evaluation. */
  public TrainingState settled() {
    return new TrainingState(
        step,
        loss,
        evalLossBefore,
        evalLoss,
        plateau,
        null,
        evaluations,
        standing,
        lossSum,
        lossSteps);
  }

  /**
   * Returns the state after the last step is evaluated.
   *
   * @param point what was measured
   * @param now what {@code reduceOnPlateau} follows from now on
   * @param after where the run stands then
   */
  public TrainingState evaluated(EvaluationPoint point, @Nullable Plateau now, Standing after) {
    Double measured = point.loss();
    return new TrainingState(
        step,
        loss,
        evalLossBefore,
        measured == null ? evalLoss : measured,
        now,
        null,
        evaluations.with(point),
        after,
        0,
        0);
  }
}
