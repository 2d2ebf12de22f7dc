package dev.finetune.trainer.failure;

import dev.finetune.api.run.ExitCode;
import org.jspecify.annotations.Nullable;

/**
 * An error of the user or of the world, with a message fit for a person. A bug of the trainer is
 * any other exception.
 */
public abstract sealed class TrainingFailure extends RuntimeException
    permits InvalidConfiguration,
        UnreadableData,
        UnsupportedModel,
        Diverged,
        OutOfMemory,
        PlanDoesNotFit,
        Fenced,
        StorageUnreachable {
  private static final long serialVersionUID = 1L;

  private final ExitCode exitCode;

  TrainingFailure(ExitCode exitCode, String message, @Nullable Throwable cause) {
    super(message, cause);
    this.exitCode = exitCode;
  }

  /** Returns the exit code of a process that ends by it. */
  public ExitCode exitCode() {
    return exitCode;
  }
}
