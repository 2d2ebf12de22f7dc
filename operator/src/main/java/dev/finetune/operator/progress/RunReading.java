package dev.finetune.operator.progress;

import dev.finetune.api.run.Head;
import dev.finetune.api.run.Progress;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What object storage says of a run, or why it says nothing.
 *
 * @param access whether it could be read
 * @param message why it, or a part of it, could not be read, else empty
 * @param head head of the run; without access the last good one; absent if not begun
 * @param progress progress of the head's attempt; if that is unknown, the last good one
 */
public record RunReading(
    Access access, String message, @Nullable Head head, @Nullable Progress progress) {
  /** Whether a run could be read. */
  public enum Access {
    /** The reading is what the storage holds. */
    READ,
    /** The storage did not answer, or not in a way that makes sense; it may later. */
    UNREACHABLE,
    /** The head, or the adapter that it names, is not what it should be; nothing of it counts. */
    BROKEN,
    /** The operator may not or cannot read this storage; the trainer's word must do. */
    NOT_READABLE
  }

  /** Returns a reading of what the storage holds. */
  public static RunReading of(@Nullable Head head, @Nullable Progress progress) {
    return new RunReading(Access.READ, "", head, progress);
  }

  /** Returns a reading of a storage that the operator may not or cannot read. */
  public static RunReading notReadable(String message) {
    return new RunReading(Access.NOT_READABLE, message, null, null);
  }

  /** Returns this reading, remembered while the storage does not answer. */
  public RunReading unreachable(String why) {
    return new RunReading(Access.UNREACHABLE, why, head, progress);
  }

  /** Returns this reading, remembered while the run is broken. */
  public RunReading broken(String what) {
    return new RunReading(Access.BROKEN, what, head, progress);
  }

  /** Returns a reading of a run whose newest report is broken. */
  public static RunReading without(Head head, @Nullable Progress last, String what) {
    return new RunReading(Access.READ, what, head, last);
  }

  /** Returns the head, if the run has begun. */
  public Optional<Head> findHead() {
    return Optional.ofNullable(head);
  }

  /** Returns the step of the newest checkpoint, 0 if there is none. */
  public int checkpointStep() {
    return head == null || head.latest() == null ? 0 : head.latest();
  }
}
