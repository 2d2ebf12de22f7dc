package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointEntry;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.Supplier;

/** Downloads the newest checkpoint that is whole. */
final class CheckpointReader {
  private final RunFolder run;

  CheckpointReader(RunFolder run) {
    this.run = run;
  }

  /**
   * Tries the checkpoints from the newest to the oldest. After each that cannot be used the list is
   * read again: another attempt may have committed newer ones and removed what was listed before.
   *
   * @param listed the checkpoints as last seen
   * @param again reads the list again
   * @param work local folder; the checkpoint becomes a folder in it
   * @return empty if there is none that verifies
   */
  Optional<Checkpoint> newestVerified(
      List<CheckpointEntry> listed, Supplier<List<CheckpointEntry>> again, Path work) {
    List<CheckpointEntry> candidates = listed;
    Set<CheckpointEntry> broken = new HashSet<>();
    while (true) {
      Optional<CheckpointEntry> newest =
          candidates.stream()
              .filter(entry -> !broken.contains(entry))
              .max(Comparator.comparingInt(CheckpointEntry::step));
      if (newest.isEmpty()) {
        return none(broken.size());
      }
      CheckpointEntry entry = newest.get();
      try {
        return Optional.of(new Checkpoint(entry, download(entry, work)));
      } catch (FolderDownload.Broken e) {
        broken.add(entry);
        tell(
            "checkpoint of step %d (%s) cannot be used: %s"
                .formatted(entry.step(), run.location(entry.folder()), e.getMessage()));
        candidates = again.get();
      }
    }
  }

  private Path download(CheckpointEntry entry, Path work) throws FolderDownload.Broken {
    FolderDownload download = new FolderDownload(run, entry.folder());
    Manifest manifest = download.manifest(entry.manifestSha256());
    if (manifest.bytes() != entry.bytes()) {
      throw new FolderDownload.Broken(
          "head.json says " + entry.bytes() + " bytes, its manifest " + manifest.bytes());
    }
    Path target = work.resolve(String.format(Locale.ROOT, "checkpoint-%08d", entry.step()));
    download.files(manifest, target);
    return target;
  }

  private Optional<Checkpoint> none(int broken) {
    if (broken > 0) {
      tell("none of " + broken + " checkpoints can be used; the run begins anew");
    }
    return Optional.empty();
  }

  private void tell(String notice) {
    run.settings().notices().accept(notice);
  }
}
