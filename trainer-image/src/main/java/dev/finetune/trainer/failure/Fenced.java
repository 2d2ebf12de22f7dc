package dev.finetune.trainer.failure;

import dev.finetune.api.run.ExitCode;

/** A newer attempt owns the run; this one must not write any more. */
public final class Fenced extends TrainingFailure {
  private static final long serialVersionUID = 1L;

  /** Makes one with a message that says what was expected, what was found, and where. */
  public Fenced(String message) {
    super(ExitCode.FENCED, MessageText.oneLine(message), null);
  }

  /** Makes one that keeps what caused it. */
  public Fenced(String message, Throwable cause) {
    super(ExitCode.FENCED, MessageText.oneLine(message), cause);
  }
}
