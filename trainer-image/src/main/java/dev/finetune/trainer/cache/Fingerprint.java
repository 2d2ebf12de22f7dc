package dev.finetune.trainer.cache;

import dev.finetune.trainer.failure.UnreadableData;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * What a file system says of a file without its bytes being read: equal fingerprints are taken for
 * equal bytes.
 *
 * @param bytes size
 * @param modified time of the last write, nanoseconds since 1970
 * @param changed time of the last write or change of owner, name or number of links
 * @param inode number of the file in its file system
 */
public record Fingerprint(long bytes, long modified, long changed, long inode) {
  private static final String ATTRIBUTES =
      "unix:size,lastModifiedTime,ctime,ino,nlink,isRegularFile";

  /** A fingerprint and what does not belong to it. */
  record Entry(Fingerprint fingerprint, boolean regular, int links) {}

  /**
   * Returns the fingerprint of a file, following links.
   *
   * @throws NoSuchFileException if there is none
   * @throws UnreadableData if it is no regular file
   */
  public static Fingerprint of(Path file) throws IOException {
    // A network file system asks its server for the attributes when a file is opened; without that
    // they may be those of a minute ago.
    try (InputStream _ = Files.newInputStream(file)) {
      Entry entry = read(file);
      if (!entry.regular()) {
        throw new UnreadableData(file + ": must be a regular file");
      }
      return entry.fingerprint();
    }
  }

  @SuppressWarnings("NullAway") // What was asked for is there.
  static Entry read(Path file, LinkOption... options) throws IOException {
    Map<String, Object> attributes = Files.readAttributes(file, ATTRIBUTES, options);
    return new Entry(
        new Fingerprint(
            ((Number) attributes.get("size")).longValue(),
            nanos(attributes.get("lastModifiedTime")),
            nanos(attributes.get("ctime")),
            ((Number) attributes.get("ino")).longValue()),
        (Boolean) attributes.get("isRegularFile"),
        ((Number) attributes.get("nlink")).intValue());
  }

  /** Returns whether size, time of the last write and inode are the same. */
  boolean sameBytes(Fingerprint other) {
    return bytes == other.bytes && modified == other.modified && inode == other.inode;
  }

  private static long nanos(Object time) {
    return ((FileTime) time).to(TimeUnit.NANOSECONDS);
  }
}
