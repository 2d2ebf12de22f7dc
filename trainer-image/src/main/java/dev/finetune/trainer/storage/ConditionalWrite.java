package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.StorageUnreachable;

/** What came of a conditional write. */
public sealed interface ConditionalWrite {
  /**
   * The object is written.
   *
   * @param etag its new ETag
   */
  record Written(String etag) implements ConditionalWrite {}

  /** The condition did not hold: HTTP 412, or 409 for a write at the same moment. */
  record PreconditionFailed() implements ConditionalWrite {}

  /**
   * There was no answer, so the object may or may not be written, now or a little later. Read it
   * again before anything else.
   *
   * @param cause what went wrong
   */
  record Unanswered(StorageUnreachable cause) implements ConditionalWrite {}
}
