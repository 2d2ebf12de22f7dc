package dev.finetune.trainer.checkpoint;

import dev.finetune.trainer.optim.Plateau;
import dev.finetune.trainer.progress.Metrics;
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
 */
public record TrainingState(
    int step,
    double loss,
    @Nullable Double evalLossBefore,
    @Nullable Double evalLoss,
    @Nullable Plateau plateau,
    @Nullable Metrics unevaluated) {
  /** Returns the state before the first step. */
  public static TrainingState start(@Nullable Double evalLossBefore, @Nullable Plateau plateau) {
    return new TrainingState(0, 0, evalLossBefore, null, plateau, null);
  }

  /** Returns the state after a step that is not evaluated or reported yet. */
  public TrainingState stepped(Metrics metrics) {
    return new TrainingState(
        metrics.step(), metrics.loss(), evalLossBefore, evalLoss, plateau, metrics);
  }

  /**
   * Returns the state after the last step is done with, its evaluation included.
   *
   * @param measured held-out loss, or null if none was to be measured
   */
  public TrainingState settled(@Nullable Double measured, @Nullable Plateau now) {
    return new TrainingState(
        step, loss, evalLossBefore, measured == null ? evalLoss : measured, now, null);
  }
}
