package dev.finetune.trainer.failure;

import dev.finetune.api.run.ExitCode;

/**
 * A file of the user is missing, broken or hostile. The message names the file and, if it has
 * lines, the line.
 */
public final class UnreadableData extends TrainingFailure {
  private static final long serialVersionUID = 1L;

  /** Makes one with a message that says what was expected, what was found, and where. */
  public UnreadableData(String message) {
    super(ExitCode.INVALID, MessageText.oneLine(message), null);
  }

  /** Makes one that keeps what caused it. */
  public UnreadableData(String message, Throwable cause) {
    super(ExitCode.INVALID, MessageText.oneLine(message), cause);
  }
}
