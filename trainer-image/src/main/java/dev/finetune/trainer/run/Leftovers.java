package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.StoredObject;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Set;

/**
 * Files that no head names any more: of checkpoints that retention dropped, and of checkpoints and
 * adapters that an older attempt uploaded and never committed. They are removed after a write of
 * the head, a bounded number at a time; what cannot be removed now waits for the next write.
 */
final class Leftovers {
  /** A deletion is a request; a process that was asked to stop has seconds. */
  private static final int MOST_AT_A_TIME = 100;

  private final RunFolder run;
  private final Deque<String> folders = new ArrayDeque<>();
  private boolean searched;

  Leftovers(RunFolder run) {
    this.run = run;
  }

  /**
   * Removes what the head that was just written does not name; a failure is told and is no error.
   *
   * @param written the head as this attempt has just written it
   * @param dropped the checkpoints that this write took off the list
   */
  synchronized void remove(Head written, List<CheckpointEntry> dropped) {
    dropped.forEach(entry -> folders.addFirst(entry.folder()));
    ObjectStore store = run.hasty();
    try {
      if (!searched) {
        folders.addAll(RunObjects.list(run, store).dead(written));
        searched = true;
      }
      Set<String> named = RunObjects.named(written);
      folders.removeIf(named::contains);
      int left = MOST_AT_A_TIME;
      while (left > 0 && !folders.isEmpty()) {
        left -= remove(store, folders.getFirst(), left);
      }
    } catch (StorageUnreachable | InvalidConfiguration | UnreadableData e) {
      run.settings().notices().accept("files that are no longer needed stay: " + e.getMessage());
    }
  }

  /** Removes a folder, or the first objects of a large one; returns the number of deletions. */
  private int remove(ObjectStore store, String folder, int most) {
    String manifest = run.key(folder + StorageLayout.MANIFEST);
    // The manifest goes first, so that what is left for a moment does not look whole.
    store.delete(manifest);
    int deleted = 1;
    for (StoredObject object : store.list(run.key(folder))) {
      if (deleted == most) {
        return deleted;
      }
      store.delete(object.key());
      deleted++;
    }
    folders.remove(folder);
    return deleted;
  }
}
