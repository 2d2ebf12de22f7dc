package dev.finetune.operator.progress;

import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.operator.progress.ObjectReader.Content;
import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Looks whether the adapter that a head names is there and of this job: {@code run.json} with the
 * hash of its spec, the manifest with the SHA-256 of the head, and every file of the manifest with
 * its size. That is a request a file and two more; the files themselves, which may be large, are
 * not read.
 */
final class DeliveredAdapter {
  /** More files than any adapter has. */
  private static final int MAXIMUM_FILES = 100;

  private DeliveredAdapter() {}

  /** The manifest, as far as it is looked at. */
  record Manifest(@Nullable Map<String, @Nullable Entry> files) {
    /** A file: its size and its SHA-256. */
    record Entry(long bytes, @Nullable String sha256) {}
  }

  /** What the run was begun with, as far as it is looked at. */
  record RunIdentity(@Nullable String specHash) {}

  /**
   * Checks that an adapter is there.
   *
   * @param specHash hash of the job's spec
   * @throws BrokenRun if it is not, or not whole
   * @throws IOException if a request breaks off
   */
  static void check(RunFolder folder, Delivery delivered, String specHash)
      throws BrokenRun, IOException {
    byte[] run = read(folder, StorageLayout.RUN);
    String begun = RunFolder.parseSealed(StorageLayout.RUN, run, RunIdentity.class).specHash();
    if (!specHash.equals(begun)) {
      throw new BrokenRun(StorageLayout.RUN + ": must be of the spec " + specHash + ", is not");
    }
    String name = delivered.folder() + StorageLayout.MANIFEST;
    byte[] bytes = read(folder, name);
    String found = sha256(bytes);
    if (!found.equals(delivered.manifestSha256())) {
      throw new BrokenRun(
          name + ": must have SHA-256 " + delivered.manifestSha256() + ", has " + found);
    }
    Manifest manifest = RunFolder.parse(name, bytes, Manifest.class);
    if (manifest.files() == null || manifest.files().isEmpty()) {
      throw new BrokenRun(name + ": must name files");
    }
    if (manifest.files().size() > MAXIMUM_FILES) {
      throw new BrokenRun(
          name
              + ": must name at most "
              + MAXIMUM_FILES
              + " files, names "
              + manifest.files().size());
    }
    for (Map.Entry<String, Manifest.@Nullable Entry> file : manifest.files().entrySet()) {
      checkFile(folder, delivered.folder() + file.getKey(), file.getValue());
    }
  }

  private static byte[] read(RunFolder folder, String name) throws BrokenRun, IOException {
    Content content = folder.get(name, null).orElse(null);
    if (content == null || content.bytes() == null) {
      throw new BrokenRun(name + ": is not there, but head.json names an adapter");
    }
    return content.bytes();
  }

  private static void checkFile(RunFolder folder, String name, Manifest.@Nullable Entry entry)
      throws BrokenRun {
    if (entry == null || entry.bytes() < 0 || !RunRules.isSha256(entry.sha256())) {
      throw new BrokenRun(name + ": its manifest lacks size or SHA-256");
    }
    OptionalLong size = folder.size(name);
    if (size.isEmpty()) {
      throw new BrokenRun(name + ": is not there, but its manifest names it");
    }
    if (size.getAsLong() != entry.bytes()) {
      throw new BrokenRun(
          name + ": must have " + entry.bytes() + " bytes, has " + size.getAsLong());
    }
  }

  private static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every Java has SHA-256", e);
    }
  }
}
