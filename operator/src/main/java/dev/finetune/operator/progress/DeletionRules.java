package dev.finetune.operator.progress;

import dev.finetune.api.run.Head;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/**
 * What a head must become before files of its run are deleted: no reader may be led to what is
 * going, and no trainer may go on writing.
 */
final class DeletionRules {
  /** How the write id of a head begins whose run is being deleted. */
  private static final String DELETION = "deletion-";

  /** Fresh enough to keep another owner, who obeys heartbeats, from claiming what is going. */
  private static final Duration RENEWAL = Duration.ofSeconds(30);

  private DeletionRules() {}

  /** What a rule says of a head. */
  sealed interface Verdict {
    /** It must become this. */
    record Change(Head next) implements Verdict {}

    /** It is as it must be. */
    record Keep() implements Verdict {}

    /** It is not the job's to change. */
    record Refuse(String message) implements Verdict {}
  }

  /** Judges a head whose checkpoints shall go. */
  static Verdict withoutCheckpoints(Head head, String owner, String writeId) {
    if (!head.owner().equals(owner)) {
      return new Verdict.Refuse(otherOwner(head));
    }
    if (head.delivered() == null) {
      return new Verdict.Refuse("the checkpoints are kept: the run is not delivered");
    }
    if (head.checkpoints().isEmpty() && head.latest() == null && head.best() == null) {
      return new Verdict.Keep();
    }
    return new Verdict.Change(
        new Head(
            head.attempt(),
            head.owner(),
            head.heartbeat(),
            writeId,
            List.of(),
            null,
            null,
            head.delivered()));
  }

  /**
   * Judges a head whose run shall go. The job claims it as its next attempt, which every trainer of
   * an older one obeys, and takes everything off it, so that whoever finds what a deletion left
   * finds a run that has not begun.
   */
  static Verdict deleted(Head head, String owner, String writeId, Instant now) {
    if (!head.owner().equals(owner)) {
      return new Verdict.Refuse(otherOwner(head));
    }
    boolean ours = head.writeId().startsWith(DELETION);
    if (ours && now.isBefore(head.heartbeat().plus(RENEWAL))) {
      return new Verdict.Keep();
    }
    int attempt = ours ? head.attempt() : Math.addExact(head.attempt(), 1);
    return new Verdict.Change(
        new Head(attempt, owner, now, DELETION + writeId, List.of(), null, null, null));
  }

  private static String otherOwner(Head head) {
    return "the run is kept: it is owned by " + printable(head.owner()) + ", not by this job";
  }

  /** An owner is foreign text. */
  private static String printable(String owner) {
    String clean = owner.replaceAll("[^\\p{Alnum}._:@/-]", "?");
    return clean.length() <= 100 ? clean : clean.substring(0, 100);
  }
}
