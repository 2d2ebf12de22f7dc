package dev.finetune.operator.progress;

import dev.finetune.api.run.Head;
import dev.finetune.api.run.SealedJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.operator.progress.DeletionRules.Verdict;
import dev.finetune.operator.progress.ObjectReader.Content;
import java.io.IOException;
import java.util.Optional;
import java.util.UUID;
import java.util.function.BiFunction;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.model.S3Exception;

/**
 * Changes a head by compare-and-set. When a write is refused or has no answer, the head is read
 * again: if it has the write id of the new one, the write had succeeded and its answer was lost.
 */
final class HeadSwap {
  private static final int SERVER_ERROR = 500;
  private static final int TRIES = 5;

  private HeadSwap() {}

  /** What came of it. */
  sealed interface Result {
    /** The head is now as it must be. */
    record Settled(Head head) implements Result {}

    /** The head is not the job's to change. */
    record Refused(String message) implements Result {}

    /** There is no head, so no run. */
    record NoRun() implements Result {}

    /** Others wrote the head between every reading and writing, or no write was answered. */
    record Lost() implements Result {}
  }

  /**
   * Changes the head of a run as a rule says.
   *
   * @param rule judges a head, given the write id of the next one
   * @throws BrokenRun if the head is not the head of a run
   * @throws IOException if a reading breaks off
   */
  static Result change(RunFolder folder, BiFunction<Head, String, Verdict> rule)
      throws BrokenRun, IOException {
    String writeId = UUID.randomUUID().toString();
    for (int i = 0; i < TRIES; i++) {
      Optional<Content> read = folder.get(StorageLayout.HEAD, null);
      if (read.isEmpty()) {
        return new Result.NoRun();
      }
      Head head = parse(read.get());
      if (head.writeId().endsWith(writeId)) {
        return new Result.Settled(head);
      }
      switch (rule.apply(head, writeId)) {
        case Verdict.Keep() -> {
          return new Result.Settled(head);
        }
        case Verdict.Refuse(String message) -> {
          return new Result.Refused(message);
        }
        case Verdict.Change(Head next) -> {
          if (write(folder, next, read.get().etag())) {
            return new Result.Settled(next);
          }
        }
      }
    }
    return new Result.Lost();
  }

  /** Returns the head of a run, or empty if there is none. */
  static Optional<Head> read(RunFolder folder) throws BrokenRun, IOException {
    Optional<Content> read = folder.get(StorageLayout.HEAD, null);
    return read.isEmpty() ? Optional.empty() : Optional.of(parse(read.get()));
  }

  private static Head parse(Content content) throws BrokenRun {
    byte[] bytes = content.bytes();
    Head head =
        RunFolder.parseSealed(StorageLayout.HEAD, bytes == null ? new byte[0] : bytes, Head.class);
    RunRules.check(head);
    return head;
  }

  /** Returns whether the head is known to be written; if not, the next reading tells. */
  private static boolean write(RunFolder folder, Head next, String etag) {
    try {
      return folder
          .writer()
          .putIfMatch(folder.prefix() + StorageLayout.HEAD, SealedJson.write(next), etag);
    } catch (SdkException e) {
      if (e instanceof S3Exception answer && answer.statusCode() < SERVER_ERROR) {
        throw e;
      }
      return false;
    }
  }
}
