package dev.finetune.trainer.source;

import dev.finetune.trainer.cache.CacheDocument;
import dev.finetune.trainer.cache.Content;
import dev.finetune.trainer.source.SourceFiles.FileIdentity;
import dev.finetune.trainer.storage.ObjectKey;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * The files of a URI of S3 or of the Hub as they once were.
 *
 * @param key endpoint, URI and digest of the identity
 * @param folder whether the URI named a folder or a pattern, not one file
 * @param files at least one
 */
record CachedSource(String key, boolean folder, List<File> files) implements CacheDocument {
  /**
   * A file.
   *
   * @param name path relative to the folder, or the name of the object
   * @param bytes its size
   * @param etag without quotes; of the Hub, the digest of git
   * @param sha256 of its bytes
   */
  record File(String name, long bytes, String etag, String sha256) {
    Content content() {
      return new Content(sha256, bytes);
    }

    @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
    private boolean sound(boolean folder) {
      return name != null
          && ObjectKey.isValid(name)
          && (folder || !name.contains("/"))
          && bytes >= 0
          && etag != null
          && Content.isSha256(sha256);
    }
  }

  @Override
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  public boolean sound() {
    return files != null
        && (folder ? !files.isEmpty() : files.size() == 1)
        && files.stream().allMatch(file -> file != null && file.sound(folder))
        && files.stream().map(File::name).distinct().count() == files.size();
  }

  /** Returns what the URI stood for, computed of names, sizes and digests. */
  SourceIdentity identity(String field, String uri) {
    if (!folder) {
      File file = files.getFirst();
      return new SourceIdentity(
          uri, "etag:" + file.etag(), file.bytes(), "sha256:" + file.sha256());
    }
    SortedMap<String, FileIdentity> etags = new TreeMap<>();
    SortedMap<String, FileIdentity> contents = new TreeMap<>();
    for (File file : files) {
      etags.put(file.name(), new FileIdentity(file.bytes(), "etag:" + file.etag()));
      contents.put(file.name(), new FileIdentity(file.bytes(), "sha256:" + file.sha256()));
    }
    SourceIdentity identity = SourceFiles.of(field, uri, etags);
    return new SourceIdentity(
        uri, identity.digest(), identity.bytes(), SourceFiles.of(field, uri, contents).digest());
  }
}
