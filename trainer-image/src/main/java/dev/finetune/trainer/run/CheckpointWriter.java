package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.StorageLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/** Uploads checkpoints of an attempt and lists them in the head. */
final class CheckpointWriter {
  /**
   * What a checkpoint has.
   *
   * @param files local files by name
   * @param evalLoss held-out loss at its step, if measured
   * @param score by what retention compares it, less is better, where that is not the loss
   */
  record Content(Map<String, Path> files, @Nullable Double evalLoss, @Nullable Double score) {}

  private final RunFolder folder;
  private final OwnedHead head;
  private final Leftovers leftovers;
  private int newestStep;

  CheckpointWriter(RunFolder folder, OwnedHead head, Leftovers leftovers) {
    this.folder = folder;
    this.head = head;
    this.leftovers = leftovers;
  }

  /**
   * Commits a checkpoint; see {@link Run#commit}. One at a time, since of two the older would take
   * the newer off the list if it came last.
   *
   * @param before what must be in storage before the head lists it
   */
  synchronized CheckpointEntry commit(int step, Content content, Runnable before) {
    begin(step);
    String name = StorageLayout.checkpointFolder(head.attempt(), step);
    Optional<CheckpointEntry> listed = listed(name);
    if (listed.isPresent()) {
      return listed.get();
    }
    before.run();
    FolderUpload upload = FolderUpload.of(folder, name, content.files());
    CheckpointEntry entry =
        new CheckpointEntry(
            step,
            head.attempt(),
            name,
            upload.manifestSha256(),
            upload.bytes(),
            folder.settings().clock().instant(),
            content.evalLoss(),
            content.score());
    List<CheckpointEntry> dropped = new ArrayList<>();
    Head written = head.update(current -> add(current, entry, dropped));
    leftovers.remove(written, dropped);
    return entry;
  }

  /** Steps ascend, so that a folder that was dropped is never written again. */
  private void begin(int step) {
    if (step < Math.max(1, newestStep)) {
      throw new IllegalArgumentException(
          "step: must be at least " + Math.max(1, newestStep) + ", was " + step);
    }
    newestStep = step;
  }

  private Head add(Head current, CheckpointEntry entry, List<CheckpointEntry> dropped) {
    RunSettings settings = folder.settings();
    Retention retention = Retention.add(current, entry, settings.keepLast(), settings.keepBest());
    dropped.clear();
    dropped.addAll(retention.dropped());
    return retention.head();
  }

  private Optional<CheckpointEntry> listed(String name) {
    return head.head().checkpoints().stream().filter(e -> e.folder().equals(name)).findFirst();
  }
}
