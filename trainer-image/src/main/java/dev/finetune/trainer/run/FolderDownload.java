package dev.finetune.trainer.run;

import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.failure.MessageText;
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
import java.util.Map;
import java.util.Optional;

/** Downloads a folder of the run with its manifest, checking every byte. */
final class FolderDownload {
  private final RunFolder run;
  private final ObjectStore store;
  private final String folder;

  /** Says why a folder is not whole, beginning with the name of the object. */
  static final class Broken extends Exception {
    private static final long serialVersionUID = 1L;

    Broken(String why) {
      super(MessageText.oneLine(why));
    }
  }

  /**
   * Makes one that has downloaded nothing.
   *
   * @param folder folder within the run, ending with a slash
   */
  FolderDownload(RunFolder run, String folder) {
    this.run = run;
    this.store = run.patient();
    this.folder = folder;
  }

  /**
   * Reads the manifest.
   *
   * @param sha256 its SHA-256 as the head names it
   * @throws Broken if it is another, or none
   * @throws UnreadableData if it is the one that was written, in a format of a later version
   */
  Manifest manifest(String sha256) throws Broken {
    Optional<Document> document;
    try {
      document = store.get(run.key(folder + StorageLayout.MANIFEST), Manifest.MAX_BYTES);
    } catch (UnreadableData e) {
      throw new Broken("manifest.json is larger than " + Manifest.MAX_BYTES + " bytes");
    }
    if (document.isEmpty()) {
      throw new Broken("manifest.json is missing");
    }
    byte[] json = document.get().content();
    if (!Sha256.of(json).equals(sha256)) {
      throw new Broken("manifest.json is not the one that was committed");
    }
    return parse(json);
  }

  private Manifest parse(byte[] json) throws Broken {
    Manifest manifest;
    try {
      manifest = Manifest.parse(json);
    } catch (Manifest.OtherFormat e) {
      throw new UnreadableData(
          run.location(folder + StorageLayout.MANIFEST) + ": " + e.getMessage(), e);
    } catch (IOException e) {
      throw new Broken("manifest.json " + e.getMessage());
    }
    return manifest;
  }

  /**
   * Downloads the files to a local folder, which appears whole or not at all.
   *
   * @param target folder to make or replace; the folder that holds it is made
   */
  void files(Manifest manifest, Path target) throws Broken {
    try {
      Path partial = target.resolveSibling(target.getFileName() + ".partial");
      LocalFolders.delete(partial);
      LocalFolders.delete(target);
      Files.createDirectories(partial);
      try {
        checkSpace(manifest.bytes(), partial);
        for (Map.Entry<String, ManifestEntry> file : manifest.files().entrySet()) {
          download(file.getKey(), file.getValue(), partial);
        }
        Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        LocalFolders.deleteQuietly(partial);
      }
    } catch (IOException e) {
      throw new StorageUnreachable("cannot write " + target + ": " + e.getMessage(), e);
    }
  }

  private void download(String name, ManifestEntry expected, Path local)
      throws IOException, Broken {
    Path target = local.resolve(name);
    Path parent = target.getParent();
    if (parent != null) {
      Files.createDirectories(parent);
    }
    Optional<Downloaded> downloaded;
    try {
      downloaded = store.download(run.key(folder + name), target, expected.bytes());
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

  private static void checkSpace(long bytes, Path local) throws IOException {
    long free = Files.getFileStore(local).getUsableSpace();
    if (free < bytes) {
      throw new StorageUnreachable(
          "work folder "
              + local
              + ": needs "
              + bytes
              + " bytes for what it downloads, "
              + free
              + " are free");
    }
  }
}
