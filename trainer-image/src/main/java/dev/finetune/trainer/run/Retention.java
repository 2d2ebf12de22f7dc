package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Head;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;

/**
 * Which checkpoints stay when one is added: the newest few, and the best by held-out loss. One of
 * the same or a later step that is listed already belongs to a course that an attempt left when it
 * fell back to an earlier checkpoint, and goes.
 *
 * @param head the head with the new list, newest and best
 * @param dropped what is no longer listed and may be deleted once the head is written
 */
record Retention(Head head, List<CheckpointEntry> dropped) {
  static Retention add(Head head, CheckpointEntry added, int keepLast) {
    List<CheckpointEntry> course = new ArrayList<>();
    for (CheckpointEntry entry : head.checkpoints()) {
      if (entry.step() < added.step()) {
        course.add(entry);
      }
    }
    course.sort(Comparator.comparingInt(CheckpointEntry::step));
    course.add(added);
    Optional<CheckpointEntry> best = best(course);
    int firstKept = course.size() - keepLast;
    List<CheckpointEntry> kept = new ArrayList<>();
    for (int i = 0; i < course.size(); i++) {
      if (i >= firstKept || best.filter(course.get(i)::equals).isPresent()) {
        kept.add(course.get(i));
      }
    }
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
            best.map(CheckpointEntry::step).orElse(null),
            head.delivered()),
        List.copyOf(dropped));
  }

  /** The files matter, not the rest of the entry: a folder that is listed must not be deleted. */
  private static boolean isKept(List<CheckpointEntry> kept, CheckpointEntry entry) {
    return kept.stream().anyMatch(other -> other.folder().equals(entry.folder()));
  }

  private static Optional<CheckpointEntry> best(List<CheckpointEntry> course) {
    return course.stream()
        .filter(entry -> entry.evalLoss() != null && Double.isFinite(entry.evalLoss()))
        .min(Comparator.comparing(CheckpointEntry::evalLoss));
  }
}
