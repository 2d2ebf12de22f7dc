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
 */
public record Delivery(
    int attempt,
    String folder,
    String manifestSha256,
    int steps,
    double loss,
    @Nullable Double evalLossBefore,
    @Nullable Double evalLossAfter,
    Instant time) {}
