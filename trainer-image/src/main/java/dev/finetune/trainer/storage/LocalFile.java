package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.TrainingFailure;
import dev.finetune.trainer.failure.UnreadableData;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.util.UUID;
import java.util.function.UnaryOperator;

/** Writing a local file so that it is on disk and visible whole, or not at all. */
final class LocalFile {
  /** A source of bytes that failed; kept apart from the disk that failed. */
  private static final class SourceFailed extends IOException {
    private static final long serialVersionUID = 1L;

    SourceFailed(IOException cause) {
      super(cause);
    }
  }

  private LocalFile() {}

  /**
   * Writes a download beside its target, then renames it.
   *
   * @param from where the bytes come from, for the messages
   * @throws IOException if the source fails
   * @throws StorageUnreachable if the disk fails
   * @throws UnreadableData if there are more than {@code maxBytes}
   */
  static Downloaded receive(String from, InputStream in, String etag, Path target, long maxBytes)
      throws IOException {
    Path partial = target.resolveSibling("." + target.getFileName() + "." + UUID.randomUUID());
    try {
      MessageDigest digest = Sha256.digest();
      long bytes = write(partial, in, digest, new Bound(from, maxBytes), UnaryOperator.identity());
      Files.move(
          partial, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      return new Downloaded(bytes, etag, Sha256.hex(digest.digest()));
    } catch (SourceFailed e) {
      throw (IOException) e.getCause();
    } catch (IOException e) {
      throw failure("write", target, e);
    } finally {
      deleteQuietly(partial);
    }
  }

  /** Where bytes come from and how many are accepted. */
  record Bound(String from, long maxBytes) {}

  /** Copies a stream to a new file and forces it to disk. Returns the number of bytes. */
  static long write(
      Path file,
      InputStream in,
      MessageDigest digest,
      Bound bound,
      UnaryOperator<WritableByteChannel> disk)
      throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      WritableByteChannel out = disk.apply(channel);
      byte[] buffer = new byte[1 << 16];
      long bytes = 0;
      for (int n = read(in, buffer); n >= 0; n = read(in, buffer)) {
        bytes += n;
        if (bytes > bound.maxBytes()) {
          throw tooLarge(bound.from(), bound.maxBytes());
        }
        digest.update(buffer, 0, n);
        ByteBuffer pending = ByteBuffer.wrap(buffer, 0, n);
        while (pending.hasRemaining()) {
          out.write(pending);
        }
      }
      channel.force(true);
      return bytes;
    }
  }

  private static int read(InputStream in, byte[] buffer) throws SourceFailed {
    try {
      return in.read(buffer);
    } catch (IOException e) {
      throw new SourceFailed(e);
    }
  }

  static UnreadableData tooLarge(String from, long maxBytes) {
    return new UnreadableData(from + ": must be at most " + maxBytes + " bytes, is larger");
  }

  /** Turns what a disk said into a failure that names the path. */
  static TrainingFailure failure(String verb, Path path, IOException e) {
    if (e instanceof AccessDeniedException) {
      return new InvalidConfiguration("no permission to " + verb + " " + path, e);
    }
    String reason = e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
    return new StorageUnreachable("cannot " + verb + " " + path + ": " + reason, e);
  }

  /** Removes a leftover; one that cannot be removed is invisible to readers and stays. */
  static void deleteQuietly(Path file) {
    try {
      Files.deleteIfExists(file);
    } catch (IOException e) {
      System.getLogger(LocalFile.class.getName())
          .log(System.Logger.Level.DEBUG, "leftover {0} stays: {1}", file, e.getMessage());
    }
  }
}
