package dev.finetune.trainer.failure;

import dev.finetune.api.run.ExitCode;
import java.time.Duration;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** The object storage, or the disk that stands in for it, could not be used until the deadline. */
public final class StorageUnreachable extends TrainingFailure {
  private static final long serialVersionUID = 1L;

  private final @Nullable Duration retryAfter;

  /** Makes one with a message that says what was expected, what was found, and where. */
  public StorageUnreachable(String message) {
    super(ExitCode.STORAGE_UNREACHABLE, MessageText.oneLine(message), null);
    this.retryAfter = null;
  }

  /** Makes one that keeps what caused it. */
  public StorageUnreachable(String message, Throwable cause) {
    this(message, cause, null);
  }

  /** Makes one with the time for which the store asked to be left alone, or null. */
  public StorageUnreachable(String message, Throwable cause, @Nullable Duration retryAfter) {
    super(ExitCode.STORAGE_UNREACHABLE, MessageText.oneLine(message), cause);
    this.retryAfter = retryAfter;
  }

  /** Returns the time for which the store asked to be left alone, if it did. */
  public Optional<Duration> retryAfter() {
    return Optional.ofNullable(retryAfter);
  }
}
