package dev.finetune.trainer.failure;

import dev.finetune.api.run.ExitCode;

/** The object storage, or the disk that stands in for it, could not be used until the deadline. */
public final class StorageUnreachable extends TrainingFailure {
  private static final long serialVersionUID = 1L;

  /** Makes one with a message that says what was expected, what was found, and where. */
  public StorageUnreachable(String message) {
    super(ExitCode.STORAGE_UNREACHABLE, message, null);
  }

  /** Makes one that keeps what caused it. */
  public StorageUnreachable(String message, Throwable cause) {
    super(ExitCode.STORAGE_UNREACHABLE, message, cause);
  }
}
