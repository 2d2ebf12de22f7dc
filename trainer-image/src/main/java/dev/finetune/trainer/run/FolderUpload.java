package dev.finetune.trainer.run;

import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.run.Manifest.ManifestEntry;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.Sha256;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * A folder of files that is in storage, with its manifest, and not yet listed anywhere.
 *
 * @param manifestSha256 SHA-256 of the manifest
 * @param bytes size of the files in all
 */
record FolderUpload(String manifestSha256, long bytes) {
  /**
   * Uploads files, then their manifest.
   *
   * @param folder folder within the run, ending with a slash
   * @param files local files by the name they get
   */
  static FolderUpload of(RunFolder run, String folder, Map<String, Path> files) {
    if (files.isEmpty()) {
      throw new IllegalArgumentException("files: must not be empty");
    }
    ObjectStore store = run.patient();
    SortedMap<String, ManifestEntry> entries = new TreeMap<>();
    for (Map.Entry<String, Path> file : new TreeMap<>(files).entrySet()) {
      String name = file.getKey();
      if (!Manifest.isFileName(name)) {
        throw new IllegalArgumentException("files: must be plain names, was " + name);
      }
      entries.put(name, describe(file.getValue()));
      store.upload(run.key(folder + name), file.getValue());
    }
    Manifest manifest = Manifest.of(entries);
    byte[] json = RunJson.write(manifest);
    if (json.length > Manifest.MAX_BYTES) {
      throw new IllegalArgumentException("files: too many for a manifest: " + files.size());
    }
    store.put(run.key(folder + StorageLayout.MANIFEST), json);
    return new FolderUpload(Sha256.of(json), manifest.bytes());
  }

  private static ManifestEntry describe(Path file) {
    try {
      return new ManifestEntry(Files.size(file), Sha256.of(file));
    } catch (IOException e) {
      throw new StorageUnreachable("cannot read " + file + ": " + e.getMessage(), e);
    }
  }
}
