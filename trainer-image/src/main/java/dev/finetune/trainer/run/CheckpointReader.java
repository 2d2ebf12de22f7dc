package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.run.Manifest.ManifestEntry;
import dev.finetune.trainer.storage.Document;
import dev.finetune.trainer.storage.Downloaded;
import dev.finetune.trainer.storage.LocalFolders;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.Sha256;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** Downloads the newest checkpoint that is whole. */
final class CheckpointReader {
  private final RunFolder run;
  private final ObjectStore store;

  CheckpointReader(RunFolder run) {
    this.run = run;
    this.store = run.patient();
  }

  /** Says why a checkpoint is not whole. */
  private static final class Broken extends Exception {
    private static final long serialVersionUID = 1L;

    Broken(String why) {
      super(why);
    }
  }

  /**
   * Tries the checkpoints from the newest to the oldest.
   *
   * @param work local folder; the checkpoint becomes a folder in it
   * @return empty if there is none that verifies
   */
  Optional<Checkpoint> newestVerified(List<CheckpointEntry> listed, Path work) {
    List<CheckpointEntry> newestFirst = new ArrayList<>(listed);
    newestFirst.sort(Comparator.comparingInt(CheckpointEntry::step).reversed());
    for (CheckpointEntry entry : newestFirst) {
      try {
        return Optional.of(new Checkpoint(entry, download(entry, work)));
      } catch (Broken e) {
        run.settings()
            .notices()
            .accept(
                "checkpoint of step "
                    + entry.step()
                    + " ("
                    + run.location(entry.folder())
                    + ") cannot be used: "
                    + e.getMessage());
      } catch (IOException e) {
        throw new StorageUnreachable("cannot write " + work + ": " + e.getMessage(), e);
      }
    }
    if (!listed.isEmpty()) {
      run.settings()
          .notices()
          .accept("none of " + listed.size() + " checkpoints can be used; the run begins anew");
    }
    return Optional.empty();
  }

  private Path download(CheckpointEntry entry, Path work) throws IOException, Broken {
    Manifest manifest = manifest(entry);
    String name = String.format(Locale.ROOT, "checkpoint-%08d", entry.step());
    Path partial = work.resolve(name + ".partial");
    Path target = work.resolve(name);
    LocalFolders.delete(partial);
    LocalFolders.delete(target);
    Files.createDirectories(partial);
    try {
      checkSpace(entry, partial);
      for (Map.Entry<String, ManifestEntry> file : manifest.files().entrySet()) {
        downloadFile(entry, file.getKey(), file.getValue(), partial);
      }
      return Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      LocalFolders.deleteQuietly(partial);
    }
  }

  private Manifest manifest(CheckpointEntry entry) throws Broken {
    Optional<Document> document;
    try {
      document = store.get(run.key(entry.folder() + StorageLayout.MANIFEST), Manifest.MAX_BYTES);
    } catch (UnreadableData e) {
      throw new Broken("manifest.json is larger than " + Manifest.MAX_BYTES + " bytes");
    }
    if (document.isEmpty()) {
      throw new Broken("manifest.json is missing");
    }
    byte[] json = document.get().content();
    if (!Sha256.of(json).equals(entry.manifestSha256())) {
      throw new Broken("manifest.json is not the one that was committed");
    }
    try {
      Manifest manifest = Manifest.parse(json);
      if (manifest.bytes() != entry.bytes()) {
        throw new Broken(
            "head.json says " + entry.bytes() + " bytes, its manifest " + manifest.bytes());
      }
      return manifest;
    } catch (IOException | ArithmeticException e) {
      throw new Broken("manifest.json " + e.getMessage());
    }
  }

  private void downloadFile(CheckpointEntry entry, String name, ManifestEntry expected, Path folder)
      throws IOException, Broken {
    Path target = folder.resolve(name);
    Path parent = target.getParent();
    if (parent != null) {
      Files.createDirectories(parent);
    }
    Optional<Downloaded> downloaded;
    try {
      downloaded = store.download(run.key(entry.folder() + name), target, expected.bytes());
    } catch (UnreadableData e) {
      throw new Broken(name + " has more than " + expected.bytes() + " bytes");
    }
    if (downloaded.isEmpty()) {
      throw new Broken(name + " is missing");
    }
    if (downloaded.get().bytes() != expected.bytes()) {
      throw new Broken(
          name + " has " + downloaded.get().bytes() + " bytes instead of " + expected.bytes());
    }
    if (!downloaded.get().sha256().equals(expected.sha256())) {
      throw new Broken(name + " has another SHA-256 than its manifest says");
    }
  }

  private static void checkSpace(CheckpointEntry entry, Path folder) throws IOException {
    long free = Files.getFileStore(folder).getUsableSpace();
    if (free < entry.bytes()) {
      throw new StorageUnreachable(
          "work folder "
              + folder
              + ": needs "
              + entry.bytes()
              + " bytes for a checkpoint, "
              + free
              + " are free");
    }
  }
}
