package dev.finetune.trainer.failure;

import dev.finetune.api.run.ExitCode;

/**
 * The base model has an architecture or a tensor type that is not supported. The message names it.
 */
public final class UnsupportedModel extends TrainingFailure {
  private static final long serialVersionUID = 1L;

  /** Makes one with a message that says what was expected, what was found, and where. */
  public UnsupportedModel(String message) {
    super(ExitCode.INVALID, MessageText.oneLine(message), null);
  }

  /** Makes one that keeps what caused it. */
  public UnsupportedModel(String message, Throwable cause) {
    super(ExitCode.INVALID, MessageText.oneLine(message), cause);
  }
}
