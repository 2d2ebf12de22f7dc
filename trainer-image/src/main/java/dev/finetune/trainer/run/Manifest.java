package dev.finetune.trainer.run;

import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.storage.ObjectKey;
import java.io.IOException;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * {@code manifest.json} of a checkpoint or adapter, written after its files.
 *
 * @param formatVersion version of the format of the folder; absent in JSON means 1
 * @param files the files by name, which may have folders in it
 */
public record Manifest(int formatVersion, SortedMap<String, ManifestEntry> files) {
  /** The newest format that this program reads, and the one it writes. */
  public static final int FORMAT_VERSION = 1;

  /** The largest manifest that is read, in bytes. */
  public static final int MAX_BYTES = 1 << 20;

  /** Says that a manifest has a format that only a later program reads. */
  static final class OtherFormat extends IOException {
    private static final long serialVersionUID = 1L;

    OtherFormat(int found) {
      super(
          "has format version "
              + found
              + ", this trainer reads versions up to "
              + FORMAT_VERSION
              + "; use a trainer that reads it");
    }
  }

  /**
   * A file.
   *
   * @param bytes its size
   * @param sha256 its SHA-256 in hexadecimal
   */
  public record ManifestEntry(long bytes, String sha256) {}

  /** Returns the manifest of files in the format that this program writes. */
  static Manifest of(SortedMap<String, ManifestEntry> files) {
    return new Manifest(FORMAT_VERSION, files);
  }

  /** Copies the files. */
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  public Manifest {
    formatVersion = formatVersion == 0 ? 1 : formatVersion;
    Map<String, ManifestEntry> given = files == null ? Map.of() : files;
    files = Collections.unmodifiableSortedMap(new TreeMap<>(given));
  }

  /**
   * Reads a manifest.
   *
   * @throws OtherFormat if it has a format of a later version
   * @throws IOException if the bytes are none, or name files that cannot be
   */
  static Manifest parse(byte[] json) throws IOException {
    checkFormat(RunJson.read(json, Format.class));
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
    try {
      manifest.bytes();
    } catch (ArithmeticException e) {
      throw new IOException("has files of more bytes than any disk holds", e);
    }
    return manifest;
  }

  /** The version is read on its own, since all else may be otherwise in another format. */
  private record Format(@Nullable Integer formatVersion) {}

  private static void checkFormat(@Nullable Format format) throws IOException {
    Integer version = format == null ? null : format.formatVersion();
    if (version != null && version > FORMAT_VERSION) {
      throw new OtherFormat(version);
    }
    if (version != null && version < 1) {
      throw new IOException("has format version " + version + ", which cannot be");
    }
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
