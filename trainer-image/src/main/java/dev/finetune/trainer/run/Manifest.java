package dev.finetune.trainer.run;

import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.storage.ObjectKey;
import java.io.IOException;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * {@code manifest.json} of a checkpoint or adapter, written after its files.
 *
 * @param files the files by name, which may have folders in it
 */
public record Manifest(SortedMap<String, ManifestEntry> files) {
  /** The largest manifest that is read, in bytes. */
  public static final int MAX_BYTES = 1 << 20;

  /**
   * A file.
   *
   * @param bytes its size
   * @param sha256 its SHA-256 in hexadecimal
   */
  public record ManifestEntry(long bytes, String sha256) {}

  /** Copies the files. */
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  public Manifest {
    Map<String, ManifestEntry> given = files == null ? Map.of() : files;
    files = Collections.unmodifiableSortedMap(new TreeMap<>(given));
  }

  /**
   * Reads a manifest.
   *
   * @throws IOException if the bytes are none, or name files that cannot be
   */
  static Manifest parse(byte[] json) throws IOException {
    Manifest manifest = RunJson.read(json, Manifest.class);
    if (manifest == null || manifest.files().isEmpty()) {
      throw new IOException("names no files");
    }
    for (Map.Entry<String, ManifestEntry> file : manifest.files().entrySet()) {
      if (!isFileName(file.getKey())) {
        throw new IOException("names a file that cannot be: " + ObjectKey.printable(file.getKey()));
      }
      checkEntry(file.getKey(), file.getValue());
    }
    return manifest;
  }

  /** Returns the size of the files in all. */
  long bytes() {
    return files.values().stream().mapToLong(ManifestEntry::bytes).reduce(0, Math::addExact);
  }

  static boolean isFileName(String name) {
    return ObjectKey.isValid(name) && !name.equals(StorageLayout.MANIFEST);
  }

  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  private static void checkEntry(String name, ManifestEntry entry) throws IOException {
    if (entry == null || entry.bytes() < 0 || entry.sha256() == null) {
      throw new IOException("lacks size or hash of " + name);
    }
  }
}
