package dev.finetune.operator.progress;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.Progress;
import dev.finetune.api.run.StorageLayout;
import java.time.Instant;
import java.util.List;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * What holds for every head and every report of a run. Whoever can write to the bucket can write
 * them, and a disk or a person can spoil them, so nothing is believed before it is checked.
 */
final class RunRules {
  private static final Pattern SHA_256 = Pattern.compile("[0-9a-f]{64}");

  private RunRules() {}

  /** The newest of a run that is known: what comes later must not be older. */
  record Newest(int attempt, Instant time) {
    static final Newest NOTHING = new Newest(0, Instant.MIN);

    static Newest of(Head head) {
      return new Newest(head.attempt(), timeOf(head));
    }
  }

  /**
   * Checks a head.
   *
   * @throws BrokenRun if it cannot be the head of a run
   */
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  static void check(Head head) throws BrokenRun {
    if (head.attempt() < 1) {
      throw broken("attempt must be at least 1, was " + head.attempt());
    }
    if (isBlank(head.owner()) || head.heartbeat() == null || isBlank(head.writeId())) {
      throw broken("must have owner, heartbeat and writeId");
    }
    int before = 0;
    for (CheckpointEntry entry : head.checkpoints()) {
      if (entry == null || entry.step() <= before) {
        throw broken("must list checkpoints by ascending steps from 1");
      }
      before = entry.step();
      check(head, entry);
    }
    checkPointer(head.checkpoints(), "latest", head.latest());
    checkPointer(head.checkpoints(), "best", head.best());
    if (head.delivered() != null) {
      check(head, head.delivered());
    }
  }

  /**
   * Checks that a head does not go back behind what is known of its run: the head of an older copy
   * of the folder. A folder that was emptied begins anew with an older attempt, but later.
   *
   * @throws BrokenRun if it does
   */
  static void checkOrder(Head head, Newest newest) throws BrokenRun {
    if (head.attempt() < newest.attempt() && !timeOf(head).isAfter(newest.time())) {
      throw broken("goes back from attempt " + newest.attempt() + " to attempt " + head.attempt());
    }
  }

  /**
   * Checks a report.
   *
   * @param name its object
   * @param attempt attempt of the head, which it must be of
   * @param last the last good report of the run, if there is one
   * @throws BrokenRun if it cannot be the report of this attempt, or is an older one
   */
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  static void check(String name, Progress progress, int attempt, @Nullable Progress last)
      throws BrokenRun {
    if (progress.attempt() != attempt) {
      throw new BrokenRun(
          name + ": must be of attempt " + attempt + ", is of attempt " + progress.attempt());
    }
    if (progress.state() == null || progress.updated() == null) {
      throw new BrokenRun(name + ": must have state and updated");
    }
    if (progress.step() < 0
        || progress.totalSteps() < 0
        || (progress.totalSteps() > 0 && progress.step() > progress.totalSteps())) {
      throw new BrokenRun(
          name + ": cannot be at step " + progress.step() + " of " + progress.totalSteps());
    }
    boolean sameAttempt = last != null && last.attempt() == attempt;
    if (sameAttempt
        && progress.updated().isBefore(last.updated())
        && progress.step() < last.step()) {
      throw new BrokenRun(
          name + ": goes back from step " + last.step() + " to step " + progress.step());
    }
  }

  /** Returns whether a text is the SHA-256 of something. */
  static boolean isSha256(@Nullable String text) {
    return text != null && SHA_256.matcher(text).matches();
  }

  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  private static void check(Head head, CheckpointEntry entry) throws BrokenRun {
    boolean placed =
        entry.attempt() >= 1
            && entry.attempt() <= head.attempt()
            && StorageLayout.checkpointFolder(entry.attempt(), entry.step()).equals(entry.folder());
    if (!placed || entry.bytes() < 0 || entry.time() == null) {
      throw broken("lists a checkpoint that cannot be, of step " + entry.step());
    }
    if (!isSha256(entry.manifestSha256())) {
      throw broken("lists the checkpoint of step " + entry.step() + " without a SHA-256");
    }
  }

  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  private static void check(Head head, Delivery delivered) throws BrokenRun {
    boolean placed =
        delivered.attempt() >= 1
            && delivered.attempt() <= head.attempt()
            && StorageLayout.adapterFolder(delivered.attempt()).equals(delivered.folder());
    if (!placed || delivered.steps() < 0 || delivered.time() == null) {
      throw broken("names an adapter that cannot be, of attempt " + delivered.attempt());
    }
    if (!isSha256(delivered.manifestSha256())) {
      throw broken("names an adapter without a SHA-256");
    }
  }

  private static void checkPointer(
      List<CheckpointEntry> checkpoints, String field, @Nullable Integer step) throws BrokenRun {
    if (step != null && checkpoints.stream().noneMatch(entry -> entry.step() == step)) {
      throw broken(field + " must be a step that is listed, was " + step);
    }
  }

  /** A heartbeat that was let go says nothing, so what the head lists counts too. */
  private static Instant timeOf(Head head) {
    Instant time = head.heartbeat();
    for (CheckpointEntry entry : head.checkpoints()) {
      time = later(time, entry.time());
    }
    return head.delivered() == null ? time : later(time, head.delivered().time());
  }

  private static Instant later(Instant a, Instant b) {
    return a.isAfter(b) ? a : b;
  }

  private static boolean isBlank(@Nullable String text) {
    return text == null || text.isBlank();
  }

  private static BrokenRun broken(String what) {
    return new BrokenRun(StorageLayout.HEAD + ": " + what);
  }
}
