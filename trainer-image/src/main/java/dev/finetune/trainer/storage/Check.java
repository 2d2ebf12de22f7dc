package dev.finetune.trainer.storage;

import dev.finetune.api.run.ExitCode;
import org.jspecify.annotations.Nullable;

/**
 * One thing that was looked at.
 *
 * @param name what was looked at
 * @param outcome how it is
 * @param detail what was found, for a person
 * @param millis time it took, in milliseconds
 * @param exitCode code of the failure; null unless it failed
 */
public record Check(
    String name, Outcome outcome, String detail, double millis, @Nullable ExitCode exitCode) {
  /** How a thing is. */
  public enum Outcome {
    /** As needed. */
    OK,
    /** It works, but look at it. */
    WARNING,
    /** A run would fail. */
    FAILED,
    /** Could not be looked at, because something before it failed. */
    SKIPPED
  }

  /** Returns a check of something that is there or not and takes no time. */
  public static Check found(String name, Outcome outcome, String detail) {
    return new Check(name, outcome, detail, 0, null);
  }
}
