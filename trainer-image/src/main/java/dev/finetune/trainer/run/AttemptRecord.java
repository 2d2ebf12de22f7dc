package dev.finetune.trainer.run;

import org.jspecify.annotations.Nullable;

/**
 * {@code attempt.json}: how an attempt computes, written once, before its first step.
 *
 * @param attempt the attempt
 * @param computation how it computes
 * @param resumedFromStep step of the checkpoint that it went on from, 0 if it began the run
 * @param resumedFromAttempt attempt that wrote that checkpoint, or null
 * @param equality how far the state of the run equals that of a run without interruptions
 */
public record AttemptRecord(
    int attempt,
    Computation computation,
    int resumedFromStep,
    @Nullable Integer resumedFromAttempt,
    Equality equality) {
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  boolean isWhole() {
    return computation != null && computation.isWhole() && equality != null && equality.isWhole();
  }
}
