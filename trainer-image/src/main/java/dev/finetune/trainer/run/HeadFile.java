package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.SealedJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.ConditionalWrite;
import dev.finetune.trainer.storage.Document;
import dev.finetune.trainer.storage.Retry;
import java.io.IOException;
import java.util.Optional;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** {@code head.json}: reading it, and the one way to change it. */
final class HeadFile {
  private static final int MAX_BYTES = 1 << 20;
  private static final int LAST_ATTEMPT = 999_999_999;
  private static final Pattern SHA_256 = Pattern.compile("[0-9a-f]{64}");

  private final RunFolder run;
  private final String key;

  HeadFile(RunFolder run) {
    this.run = run;
    this.key = run.key(StorageLayout.HEAD);
  }

  /** What came of a compare-and-set. */
  sealed interface Swap {
    /** The head is written; it is known even if the answer was lost. */
    record Done(HeadVersion version) implements Swap {}

    /**
     * Someone else wrote, so that the head is now another, or gone.
     *
     * @param unsure whether a write of ours had no answer, so that it may have come before theirs
     */
    record Lost(Optional<HeadVersion> current, boolean unsure) implements Swap {}
  }

  /** Reads the head, trying until the deadline. */
  Optional<HeadVersion> read() {
    return run.patient().get(key, MAX_BYTES).map(this::parse);
  }

  /** Reads the head for someone who cannot wait. */
  Optional<HeadVersion> readHastily() {
    return run.hasty().get(key, MAX_BYTES).map(this::parse);
  }

  /**
   * Replaces the head if it is still the one that was read, trying until the deadline.
   *
   * <p>When there is no answer, or a refusal, the head is read again: if it has the write id of the
   * new one, the write had succeeded and its answer was lost. A write that lands late, after it was
   * given up and sent again, carries the same write id and an ETag that no longer matches: it
   * cannot undo anything.
   *
   * @param from what was read, or null if there was no head
   * @param next what to write, with a write id of its own
   */
  Swap swap(@Nullable HeadVersion from, Head next) {
    Retry.Attempts attempts =
        run.settings().retry().attempts("write " + run.location(StorageLayout.HEAD));
    boolean unsure = false;
    while (true) {
      ConditionalWrite outcome = write(from, next);
      if (outcome instanceof ConditionalWrite.Written(String etag)) {
        return new Swap.Done(new HeadVersion(next, etag));
      }
      if (outcome instanceof ConditionalWrite.Unanswered(StorageUnreachable cause)) {
        unsure = true;
        attempts.failed(cause);
      }
      Optional<HeadVersion> current = read();
      if (current.isPresent() && current.get().head().writeId().equals(next.writeId())) {
        return new Swap.Done(current.get());
      }
      if (!isStill(from, current)) {
        return new Swap.Lost(current, unsure);
      }
      if (outcome instanceof ConditionalWrite.PreconditionFailed) {
        // Two writes met and the other one failed.
        attempts.failed(
            new StorageUnreachable(run.location(StorageLayout.HEAD) + ": refused, yet unchanged"));
      }
    }
  }

  /** Tries to replace the head once. */
  ConditionalWrite write(@Nullable HeadVersion from, Head next) {
    byte[] content = SealedJson.write(next);
    return from == null
        ? run.store().putIfAbsent(key, content)
        : run.store().putIfMatch(key, content, from.etag());
  }

  private static boolean isStill(@Nullable HeadVersion from, Optional<HeadVersion> current) {
    return from == null
        ? current.isEmpty()
        : current.isPresent() && current.get().etag().equals(from.etag());
  }

  private HeadVersion parse(Document document) {
    Head head;
    try {
      head = SealedJson.read(document.content(), Head.class);
    } catch (IOException e) {
      throw new UnreadableData(
          run.location(StorageLayout.HEAD) + ": is no head of a run: " + e.getMessage(), e);
    }
    check(head);
    return new HeadVersion(head, document.etag());
  }

  /** Anyone who can write to the bucket can write a head; folders named by it are deleted. */
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  private void check(@Nullable Head head) {
    if (head == null
        || head.owner() == null
        || head.heartbeat() == null
        || head.writeId() == null) {
      throw broken("needs attempt, owner, heartbeat and writeId");
    }
    if (head.attempt() < 1 || head.attempt() > LAST_ATTEMPT) {
      throw broken("attempt must be from 1 to " + LAST_ATTEMPT + ", was " + head.attempt());
    }
    for (CheckpointEntry entry : head.checkpoints()) {
      if (entry == null || !isPossible(entry, head.attempt())) {
        throw broken("lists a checkpoint that cannot be: " + entry);
      }
    }
    checkStep("latest", head.latest(), head);
    checkStep("best", head.best(), head);
    Delivery delivered = head.delivered();
    if (delivered != null && !isPossible(delivered, head.attempt())) {
      throw broken("names a delivery that cannot be: " + delivered);
    }
  }

  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  private static boolean isPossible(CheckpointEntry entry, int newestAttempt) {
    return entry.step() >= 1
        && entry.attempt() >= 1
        && entry.attempt() <= newestAttempt
        && entry.bytes() >= 0
        && StorageLayout.checkpointFolder(entry.attempt(), entry.step()).equals(entry.folder())
        && entry.manifestSha256() != null
        && SHA_256.matcher(entry.manifestSha256()).matches();
  }

  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  private static boolean isPossible(Delivery delivery, int newestAttempt) {
    return delivery.attempt() >= 1
        && delivery.attempt() <= newestAttempt
        && StorageLayout.adapterFolder(delivery.attempt()).equals(delivery.folder())
        && delivery.manifestSha256() != null
        && SHA_256.matcher(delivery.manifestSha256()).matches();
  }

  private void checkStep(String pointer, @Nullable Integer step, Head head) {
    if (step != null && head.checkpoints().stream().noneMatch(e -> e.step() == step)) {
      throw broken(pointer + " names step " + step + ", which is not listed");
    }
  }

  private UnreadableData broken(String what) {
    return new UnreadableData(run.location(StorageLayout.HEAD) + ": " + what);
  }
}
