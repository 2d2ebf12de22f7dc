package dev.finetune.trainer.run;

import dev.finetune.api.run.EvaluationPoint;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * How a run came out.
 *
 * @param steps optimizer steps of the run
 * @param loss training loss of the last step, nats per supervised token
 * @param adapterStep step whose adapter is delivered
 * @param before what was measured before training, if anything was
 * @param after what was measured of the delivered adapter, if anything was
 */
public record RunResult(
    int steps,
    double loss,
    int adapterStep,
    @Nullable EvaluationPoint before,
    @Nullable EvaluationPoint after) {
  /** Makes one of the last step's adapter of which no more than the loss was measured. */
  public RunResult(
      int steps, double loss, @Nullable Double evalLossBefore, @Nullable Double evalLossAfter) {
    this(steps, loss, steps, point(0, evalLossBefore), point(steps, evalLossAfter));
  }

  private static @Nullable EvaluationPoint point(int step, @Nullable Double loss) {
    return loss == null
        ? null
        : new EvaluationPoint(step, null, loss, new TreeMap<>(), null, null, null);
  }

  /** Returns the held-out loss before training, if measured. */
  public @Nullable Double evalLossBefore() {
    return before == null ? null : before.loss();
  }

  /** Returns the held-out loss with the adapter, if measured. */
  public @Nullable Double evalLossAfter() {
    return after == null ? null : after.loss();
  }
}
