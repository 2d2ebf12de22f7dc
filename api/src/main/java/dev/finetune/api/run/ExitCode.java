package dev.finetune.api.run;

import java.util.Optional;

/**
 * How a trainer process ended. This is the only list of exit codes; the operator maps each to what
 * happens next. A process that ends with any other code crashed.
 */
public enum ExitCode {
  /** The adapter is delivered. */
  DONE(0),
  /** The configuration, the data or the model is wrong; the same job fails again. */
  INVALID(42),
  /** A loss or gradient was not finite. */
  DIVERGED(43),
  /** The plan does not fit in memory. */
  PLAN_DOES_NOT_FIT(44),
  /** The process ran out of memory while it ran. */
  OUT_OF_MEMORY(45),
  /** Asked to stop; the state is saved and the run goes on from it. */
  YIELDED(75),
  /** A newer attempt owns the run. */
  FENCED(76),
  /** The object storage could not be reached until the deadline. */
  STORAGE_UNREACHABLE(77);

  private final int code;

  ExitCode(int code) {
    this.code = code;
  }

  /** Returns the exit status of the process, 0 to 255. */
  public int code() {
    return code;
  }

  /** Returns the exit code with this status, or empty if the process crashed. */
  public static Optional<ExitCode> of(int code) {
    for (ExitCode exit : values()) {
      if (exit.code == code) {
        return Optional.of(exit);
      }
    }
    return Optional.empty();
  }
}
