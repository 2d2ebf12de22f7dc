package dev.finetune.api.run;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * The delivered adapter of a run. A run with a delivery is complete for ever.
 *
 * @param attempt attempt that wrote it
 * @param folder folder within the run folder, ending with a slash
 * @param manifestSha256 SHA-256 of its manifest in hexadecimal
 * @param steps optimizer steps of the run
 * @param loss training loss of the last step, nats per supervised token
 * @param evalLossBefore held-out loss of the base model (with the initial adapter), if measured
 * @param evalLossAfter held-out loss with the adapter, if measured
 * @param time when it was delivered
 * @param adapterStep step that the adapter is of, if that is not the last one
 * @param before all that was measured before training, if anything was
 * @param after the same with the adapter
 */
public record Delivery(
    int attempt,
    String folder,
    String manifestSha256,
    int steps,
    double loss,
    @Nullable Double evalLossBefore,
    @Nullable Double evalLossAfter,
    Instant time,
    @Nullable Integer adapterStep,
    @Nullable EvaluationPoint before,
    @Nullable EvaluationPoint after) {
  /** Makes one of the adapter of the last step that says no more than the held-out loss. */
  public Delivery(
      int attempt,
      String folder,
      String manifestSha256,
      int steps,
      double loss,
      @Nullable Double evalLossBefore,
      @Nullable Double evalLossAfter,
      Instant time) {
    this(
        attempt,
        folder,
        manifestSha256,
        steps,
        loss,
        evalLossBefore,
        evalLossAfter,
        time,
        null,
        null,
        null);
  }
}
