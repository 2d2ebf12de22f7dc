package dev.finetune.trainer.weights;

import dev.finetune.trainer.failure.UnreadableData;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A file whose header is read in place, mapped into memory, and whose data is copied out of it,
 * above 2 GiB too. Every access is checked.
 *
 * <p>Copies of weights do not go through the mapping: its pages would count as memory of the
 * process until the file is closed.
 */
final class MappedFile implements AutoCloseable {
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path path;
  private final Arena arena;
  private final MemorySegment bytes;
  private final FileChannel channel;

  private MappedFile(Path path, FileChannel channel, Arena arena, MemorySegment bytes) {
    this.path = path;
    this.channel = channel;
    this.arena = arena;
    this.bytes = bytes;
  }

  /**
   * Maps a file. The caller closes it.
   *
   * @throws UnreadableData if it is missing, not a regular file, or cannot be mapped
   */
  @SuppressWarnings("MustBeClosedChecker") // The arena lives as long as the mapped file.
  static MappedFile open(Path path) {
    if (Files.exists(path) && !Files.isRegularFile(path)) {
      throw new UnreadableData(path + ": expected a file, found a folder or a special file");
    }
    Arena arena = Arena.ofShared();
    FileChannel channel = null;
    try {
      channel = FileChannel.open(path, StandardOpenOption.READ);
      MemorySegment bytes = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      return new MappedFile(path, channel, arena, bytes);
    } catch (NoSuchFileException e) {
      arena.close();
      throw new UnreadableData(path + ": file not found", e);
    } catch (IOException e) {
      arena.close();
      closeQuietly(channel, e);
      throw new UnreadableData(path + ": could not be read: " + e.getMessage(), e);
    }
  }

  private static void closeQuietly(@Nullable FileChannel channel, IOException cause) {
    try {
      if (channel != null) {
        channel.close();
      }
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
  }

  Path path() {
    return path;
  }

  long size() {
    return bytes.byteSize();
  }

  byte byteAt(long offset) {
    return bytes.get(ValueLayout.JAVA_BYTE, offset);
  }

  int intAt(long offset) {
    return bytes.get(INT, offset);
  }

  long longAt(long offset) {
    return bytes.get(LONG, offset);
  }

  /**
   * Copies bytes out of the file.
   *
   * @throws UnreadableData if the file was cut after it was opened
   */
  void copy(long offset, byte[] target, int length) {
    Objects.checkFromIndexSize(offset, length, size());
    ByteBuffer buffer = ByteBuffer.wrap(target, 0, length);
    try {
      while (buffer.hasRemaining()) {
        if (channel.read(buffer, offset + buffer.position()) < 0) {
          throw new UnreadableData(
              path + ": could not be read at byte " + offset + ": it was cut while it was read");
        }
      }
    } catch (IOException e) {
      throw new UnreadableData(
          path + ": could not be read at byte " + offset + ": " + e.getMessage(), e);
    }
  }

  /**
   * Copies bytes out of the mapping: for many short pieces of the file's head, where a system call
   * each would cost more than the pages do.
   *
   * @throws UnreadableData if the file was cut after it was opened
   */
  void copyMapped(long offset, byte[] target) {
    try {
      MemorySegment.copy(bytes, ValueLayout.JAVA_BYTE, offset, target, 0, target.length);
    } catch (InternalError e) {
      // The mapping's only sign of pages that are gone: the file was cut, or the disk failed.
      throw new UnreadableData(
          path + ": could not be read at byte " + offset + ": it changed while it was read", e);
    }
  }

  @Override
  public void close() {
    arena.close();
    try {
      channel.close();
    } catch (IOException e) {
      throw new UnreadableData(path + ": could not be closed: " + e.getMessage(), e);
    }
  }
}
