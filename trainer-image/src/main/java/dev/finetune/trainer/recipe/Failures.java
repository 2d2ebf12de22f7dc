package dev.finetune.trainer.recipe;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.spec.InvalidJobException;
import dev.finetune.trainer.failure.TrainingFailure;

/** How any end of a run short of an adapter is told: a message for a person and an exit status. */
record Failures(int exitStatus, String message, boolean bug) {
  private static final int CRASHED = 1;

  /** Returns how to tell an exception. */
  static Failures of(Throwable thrown) {
    return switch (thrown) {
      case TrainingFailure failure -> new Failures(failure.exitCode().code(), text(failure), false);
      case InvalidJobException invalid ->
          new Failures(ExitCode.INVALID.code(), text(invalid), false);
      case OutOfMemoryError error ->
          new Failures(ExitCode.OUT_OF_MEMORY.code(), "out of memory: " + text(error), false);
      default -> new Failures(CRASHED, "bug of the trainer: " + thrown, true);
    };
  }

  private static String text(Throwable thrown) {
    return String.valueOf(thrown.getMessage());
  }
}
