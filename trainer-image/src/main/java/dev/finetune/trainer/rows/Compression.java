package dev.finetune.trainer.rows;

import com.github.luben.zstd.ZstdInputStream;
import dev.finetune.trainer.failure.UnreadableData;
import java.io.BufferedInputStream;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.GZIPInputStream;

/** How a file is compressed, by the end of its name. */
enum Compression {
  NONE(""),
  GZIP(".gz"),
  ZSTD(".zst");

  /** Text that repeats itself much shrinks to a hundredth; what is made to do harm, to far less. */
  static final int MOST_GROWTH = 250;

  /** A small file may grow by more. */
  static final long FREE_BYTES = 64L << 20;

  /** The largest window, of 2^27 bytes, that its command line writes unless told otherwise. */
  private static final int LARGEST_WINDOW = 27;

  private static final int BUFFER = 1 << 16;

  private final String ending;

  Compression(String ending) {
    this.ending = ending;
  }

  static Compression of(String name) {
    for (Compression compression : values()) {
      if (compression != NONE && name.endsWith(compression.ending)) {
        return compression;
      }
    }
    return NONE;
  }

  /** Returns a name without the ending. */
  String bare(String name) {
    return name.substring(0, name.length() - ending.length());
  }

  /**
   * Returns what a file holds.
   *
   * @param path of the file, for its size and for messages
   * @param file its bytes; stays the caller's
   */
  InputStream open(Path path, InputStream file) throws IOException {
    return switch (this) {
      case NONE -> new BufferedInputStream(file, BUFFER);
      case GZIP -> bounded(path, new GZIPInputStream(file, BUFFER));
      case ZSTD -> {
        ZstdInputStream zstd = new ZstdInputStream(new BufferedInputStream(file, BUFFER));
        zstd.setLongMax(LARGEST_WINDOW);
        yield bounded(path, zstd);
      }
    };
  }

  private static InputStream bounded(Path path, InputStream in) throws IOException {
    long most = Math.addExact(FREE_BYTES, Math.multiplyExact(Files.size(path), MOST_GROWTH));
    return new BufferedInputStream(new Bounded(path, in, most), BUFFER);
  }

  /** Ends a stream that gives more than its file can honestly hold. */
  private static final class Bounded extends FilterInputStream {
    private final Path path;
    private long left;

    Bounded(Path path, InputStream in, long most) {
      super(in);
      this.path = path;
      this.left = most;
    }

    @Override
    public int read() throws IOException {
      int value = in.read();
      spend(value < 0 ? 0 : 1);
      return value;
    }

    @Override
    public int read(byte[] target, int offset, int length) throws IOException {
      int count = in.read(target, offset, length);
      spend(Math.max(0, count));
      return count;
    }

    private void spend(int count) {
      left -= count;
      if (left < 0) {
        throw new UnreadableData(
            "%s: must grow to at most %d times its size and %d MiB, grows to more; decompress it first"
                .formatted(path, MOST_GROWTH, FREE_BYTES >> 20));
      }
    }
  }
}
