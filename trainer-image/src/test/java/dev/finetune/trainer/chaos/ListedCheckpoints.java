package dev.finetune.trainer.chaos;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.run.Manifest;
import dev.finetune.trainer.storage.Document;
import dev.finetune.trainer.storage.ObjectStore;
import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/** Looks whether what a head lists is there, down to the last byte. */
final class ListedCheckpoints {
  private static final int MAX_BYTES = 256 << 20;

  private ListedCheckpoints() {}

  /** Returns what is wrong with checkpoints and adapter that a head lists; empty if nothing is. */
  static List<String> broken(ObjectStore store, String runFolder, Head head) throws IOException {
    List<String> broken = new ArrayList<>();
    for (CheckpointEntry entry : head.checkpoints()) {
      check(store, runFolder + entry.folder(), entry.manifestSha256(), broken);
    }
    if (head.delivered() != null) {
      check(
          store, runFolder + head.delivered().folder(), head.delivered().manifestSha256(), broken);
    }
    return broken;
  }

  private static void check(
      ObjectStore store, String folder, String manifestSha256, List<String> broken)
      throws IOException {
    Optional<Document> manifest = store.get(folder + StorageLayout.MANIFEST, MAX_BYTES);
    if (manifest.isEmpty() || !sha256(manifest.get().content()).equals(manifestSha256)) {
      broken.add(folder + StorageLayout.MANIFEST);
      return;
    }
    Map<String, Manifest.ManifestEntry> files =
        RunJson.read(manifest.get().content(), Manifest.class).files();
    for (Map.Entry<String, Manifest.ManifestEntry> file : files.entrySet()) {
      Optional<Document> found = store.get(folder + file.getKey(), MAX_BYTES);
      if (found.isEmpty() || !sha256(found.get().content()).equals(file.getValue().sha256())) {
        broken.add(folder + file.getKey());
      }
    }
  }

  private static String sha256(byte[] content) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
