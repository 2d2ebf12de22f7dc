package dev.finetune.trainer.failure;

import dev.finetune.api.run.ExitCode;

/** The job, or an option of the command line, is wrong. The message names the field. */
public final class InvalidConfiguration extends TrainingFailure {
  private static final long serialVersionUID = 1L;

  /** Makes one with a message that says what was expected, what was found, and where. */
  public InvalidConfiguration(String message) {
    super(ExitCode.INVALID, MessageText.oneLine(message), null);
  }

  /** Makes one that keeps what caused it. */
  public InvalidConfiguration(String message, Throwable cause) {
    super(ExitCode.INVALID, MessageText.oneLine(message), cause);
  }
}
