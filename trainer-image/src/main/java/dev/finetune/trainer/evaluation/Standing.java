package dev.finetune.trainer.evaluation;

import dev.finetune.api.run.EvaluationPoint;
import org.jspecify.annotations.Nullable;

/**
 * Where a run stands after its evaluations so far. Checkpoints keep it.
 *
 * @param best the best evaluation without its answers, null before there is one that counts
 * @param bestScore its score, less is better
 * @param withoutBetter evaluations since then that were not better
 * @param exceededStep step of the first evaluation whose loss on general rows had grown more than
 *     it may, null if there was none
 */
public record Standing(
    @Nullable EvaluationPoint best,
    @Nullable Double bestScore,
    int withoutBetter,
    @Nullable Integer exceededStep) {
  /** Returns where a run stands before the first step. */
  public static Standing start() {
    return new Standing(null, null, 0, null);
  }

  /** Returns the step of the best evaluation, or null. */
  public @Nullable Integer bestStep() {
    return best == null ? null : best.step();
  }
}
