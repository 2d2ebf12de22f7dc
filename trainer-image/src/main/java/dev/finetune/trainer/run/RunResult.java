package dev.finetune.trainer.run;

import org.jspecify.annotations.Nullable;

/**
 * How a run came out.
 *
 * @param steps optimizer steps of the run
 * @param loss training loss of the last step, nats per supervised token
 * @param evalLossBefore held-out loss of the base model, if measured
 * @param evalLossAfter held-out loss with the adapter, if measured
 */
public record RunResult(
    int steps, double loss, @Nullable Double evalLossBefore, @Nullable Double evalLossAfter) {}
