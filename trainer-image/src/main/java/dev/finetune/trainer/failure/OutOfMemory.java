package dev.finetune.trainer.failure;

import dev.finetune.api.run.ExitCode;

/** The process ran out of memory while it ran. */
public final class OutOfMemory extends TrainingFailure {
  private static final long serialVersionUID = 1L;

  /** Makes one with a message that says what was expected, what was found, and where. */
  public OutOfMemory(String message) {
    super(ExitCode.OUT_OF_MEMORY, message, null);
  }

  /** Makes one that keeps what caused it. */
  public OutOfMemory(String message, Throwable cause) {
    super(ExitCode.OUT_OF_MEMORY, message, cause);
  }
}
