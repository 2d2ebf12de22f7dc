package dev.finetune.trainer.failure;

import dev.finetune.api.run.ExitCode;

/** A loss or gradient is not finite. The message names the step, the examples and the place. */
public final class Diverged extends TrainingFailure {
  private static final long serialVersionUID = 1L;

  /** Makes one with a message that says what was expected, what was found, and where. */
  public Diverged(String message) {
    super(ExitCode.DIVERGED, message, null);
  }

  /** Makes one that keeps what caused it. */
  public Diverged(String message, Throwable cause) {
    super(ExitCode.DIVERGED, message, cause);
  }
}
