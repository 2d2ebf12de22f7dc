package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Head;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Which checkpoints stay when one is added: the newest few, and besides them the few best by
 * held-out loss or by the metric of the job, of equal ones the earlier. One of the same or a later
 * step that is listed already belongs to a course that an attempt left when it fell back to an
 * earlier checkpoint, and goes.
 *
 * @param head the head with the new list, newest and best
 * @param dropped what is no longer listed and may be deleted once the head is written
 */
record Retention(Head head, List<CheckpointEntry> dropped) {
  private static final Comparator<CheckpointEntry> BY_STEP =
      Comparator.comparingInt(CheckpointEntry::step);

  /**
   * Adds a checkpoint.
   *
   * @param keepLast newest checkpoints to keep, from 1
   * @param keepBest best checkpoints to keep, from 0; those without a finite value are never among
   *     them
   */
  static Retention add(Head head, CheckpointEntry added, int keepLast, int keepBest) {
    List<CheckpointEntry> course = new ArrayList<>();
    for (CheckpointEntry entry : head.checkpoints()) {
      if (entry.step() < added.step()) {
        course.add(entry);
      }
    }
    course.sort(BY_STEP);
    course.add(added);
    List<CheckpointEntry> best = bestFirst(course);
    Set<CheckpointEntry> wanted = new HashSet<>(best.subList(0, Math.min(keepBest, best.size())));
    wanted.addAll(course.subList(Math.max(0, course.size() - keepLast), course.size()));
    List<CheckpointEntry> kept = course.stream().filter(wanted::contains).toList();
    List<CheckpointEntry> dropped = new ArrayList<>(head.checkpoints());
    dropped.removeIf(entry -> isKept(kept, entry));
    return new Retention(
        new Head(
            head.attempt(),
            head.owner(),
            head.heartbeat(),
            head.writeId(),
            kept,
            added.step(),
            bestFirst(kept).stream().map(CheckpointEntry::step).findFirst().orElse(null),
            head.delivered()),
        List.copyOf(dropped));
  }

  /** The files matter, not the rest of the entry: a folder that is listed must not be deleted. */
  private static boolean isKept(List<CheckpointEntry> kept, CheckpointEntry entry) {
    return kept.stream().anyMatch(other -> other.folder().equals(entry.folder()));
  }

  /**
   * Returns those of which a value was measured; the course ascends, so that of equal ones it is
   * first.
   */
  private static List<CheckpointEntry> bestFirst(List<CheckpointEntry> course) {
    return course.stream()
        .filter(entry -> entry.comparedBy() != null && Double.isFinite(entry.comparedBy()))
        .sorted(Comparator.comparing(CheckpointEntry::comparedBy))
        .toList();
  }
}
