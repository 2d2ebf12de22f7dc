package dev.finetune.trainer.run;

import dev.finetune.api.run.Head;
import dev.finetune.trainer.failure.Fenced;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.storage.ConditionalWrite;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * The head as its newest attempt changes it, until a newer one fences it off. Changes are made one
 * at a time; reading never waits for them.
 */
final class OwnedHead {
  private final RunFolder run;
  private final HeadFile file;
  private final String owner;
  private final int attempt;

  private volatile HeadVersion current;
  private volatile @Nullable String fence;
  private Instant heartbeatTried;

  OwnedHead(RunFolder run, HeadFile file, HeadVersion claimed) {
    this.run = run;
    this.file = file;
    this.owner = claimed.head().owner();
    this.attempt = claimed.head().attempt();
    this.current = claimed;
    this.heartbeatTried = claimed.head().heartbeat();
  }

  int attempt() {
    return attempt;
  }

  /** Returns the head as it was last read or written here. */
  Head head() {
    return current.head();
  }

  boolean isFenced() {
    return fence != null;
  }

  /**
   * Does nothing while the run is ours.
   *
   * @throws Fenced once a newer attempt is known
   */
  void check() {
    String message = fence;
    if (message != null) {
      throw new Fenced(message);
    }
  }

  /**
   * Applies a change to the head as it is in storage, trying until the deadline. The change may be
   * applied more than once, to other heads.
   *
   * @return the head as it is written
   */
  synchronized Head update(UnaryOperator<Head> change) {
    String writeId = UUID.randomUUID().toString();
    while (true) {
      check();
      Instant time = now();
      switch (file.swap(current, stamped(change.apply(current.head()), time, writeId))) {
        case HeadFile.Swap.Done(HeadVersion version) -> {
          current = version;
          heartbeatTried = time;
          return version.head();
        }
        case HeadFile.Swap.Lost(Optional<HeadVersion> seen, boolean _) -> current = stillOurs(seen);
      }
    }
  }

  /**
   * Reads the head as it is in storage, trying until the deadline.
   *
   * @throws Fenced if a newer attempt has claimed the run
   */
  Head reread() {
    return stillOurs(file.read()).head();
  }

  /** Writes the heartbeat if it is due; an outage is told and is no error. */
  synchronized void heartbeat() {
    check();
    Instant due = heartbeatTried.plus(run.settings().freshHeartbeat().dividedBy(4));
    if (!now().isBefore(due)) {
      heartbeatTried = now();
      write(now());
    }
  }

  /** Makes the heartbeat stale, so that another owner may claim the run at once. */
  synchronized void release() {
    if (fence != null || head().delivered() != null) {
      return;
    }
    try {
      write(Instant.EPOCH);
    } catch (Fenced e) {
      run.settings().notices().accept(String.valueOf(e.getMessage()));
    }
  }

  /** Writes a heartbeat, twice at most: the first request may meet a dropped connection. */
  private void write(Instant heartbeat) {
    Head next = stamped(current.head(), heartbeat, UUID.randomUUID().toString());
    try {
      if (tryWrite(next).isPresent()) {
        HeadVersion seen = stillOurs(file.readHastily());
        current = seen;
        if (!seen.head().writeId().equals(next.writeId())) {
          tryWrite(stamped(seen.head(), heartbeat, next.writeId())).ifPresent(this::noHeartbeat);
        }
      }
    } catch (StorageUnreachable | InvalidConfiguration e) {
      noHeartbeat(e.getMessage());
    }
  }

  /** Returns why the head may not be written, or empty if it is. */
  private Optional<String> tryWrite(Head next) {
    return switch (file.write(current, next)) {
      case ConditionalWrite.Written(String etag) -> {
        current = new HeadVersion(next, etag);
        yield Optional.empty();
      }
      case ConditionalWrite.PreconditionFailed() -> Optional.of("head.json is another by now");
      case ConditionalWrite.Unanswered(StorageUnreachable cause) ->
          Optional.of(String.valueOf(cause.getMessage()));
    };
  }

  private void noHeartbeat(@Nullable String why) {
    run.settings().notices().accept("heartbeat cannot be written now: " + why);
  }

  private HeadVersion stillOurs(Optional<HeadVersion> seen) {
    if (seen.isEmpty()) {
      throw fence("head.json is gone");
    }
    Head head = seen.get().head();
    if (head.attempt() != attempt || !head.owner().equals(owner)) {
      throw fence("attempt " + head.attempt() + " of owner " + head.owner() + " claimed it");
    }
    return seen.get();
  }

  private Fenced fence(String why) {
    String message = "attempt " + attempt + " no longer owns " + run.location("") + ": " + why;
    fence = message;
    return new Fenced(message);
  }

  private Instant now() {
    return run.settings().clock().instant();
  }

  private static Head stamped(Head head, Instant heartbeat, String writeId) {
    return new Head(
        head.attempt(),
        head.owner(),
        heartbeat,
        writeId,
        head.checkpoints(),
        head.latest(),
        head.best(),
        head.delivered());
  }
}
