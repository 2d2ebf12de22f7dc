package dev.finetune.trainer.weights;

import dev.finetune.trainer.failure.StorageUnreachable;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Writes GGUF, version 3, of tensors that are read while it writes: in memory at a time are the
 * metadata and, of queries and keys of Llama, one head.
 *
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">the format</a>
 */
public final class GgufWriter {
  private static final int MAGIC = 0x46554747;
  private static final int VERSION = 3;
  private static final int ALIGNMENT = 32;
  private static final int BUFFER_BYTES = 1 << 17;

  private final GgufArchitecture architecture;
  private final Map<String, GgufMetadata.Value> metadata = new LinkedHashMap<>();
  private final List<Pending> tensors = new ArrayList<>();

  /**
   * A tensor to write.
   *
   * @param shape slowest dimension first
   * @param pairedHeads heads whose rows go in pairs, or 0
   * @param offset what is added to each value
   */
  private record Pending(
      String name, BlockEncoder type, long[] shape, Source source, int pairedHeads, float offset) {
    long elements() {
      return Extent.elements(name, name, shape);
    }

    long bytes() {
      return elements() / type.elements() * type.bytes();
    }
  }

  /** Passes the values of a tensor on in their order. */
  public interface Source {
    /** Passes them on in parts of any size. */
    void stream(WeightReader.Sink sink);
  }

  /**
   * Makes a writer.
   *
   * @param architecture name of the family, such as {@code llama}
   * @throws dev.finetune.trainer.failure.UnsupportedModel if its tensors have no known names
   */
  public GgufWriter(String architecture) {
    this.architecture = GgufArchitecture.named("gguf", architecture);
    put("general.architecture", new GgufMetadata.Value.Text(architecture));
  }

  /**
   * Puts a value: integers as 32 bits without a sign, numbers as 32 bits, lists of integers as 32
   * bits with a sign.
   */
  public GgufWriter put(String key, GgufMetadata.Value value) {
    metadata.put(key, value);
    return this;
  }

  /**
   * Adds a weight under the name that GGUF has for it, its rows in the order that GGUF wants.
   *
   * @param name in the Hugging Face layout
   * @param heads heads that the rows belong to, if they are queries or keys
   */
  public GgufWriter weight(String name, BlockEncoder type, WeightReader weights, int heads) {
    boolean paired = architecture.pairedQuery(name) || architecture.pairedKey(name);
    return add(
        new Pending(
            architecture.fileName(name),
            fitting(type, weights.shape(name)),
            weights.shape(name),
            sink -> weights.stream(name, sink),
            paired ? heads : 0,
            architecture.offsetNorm(name) ? 1 : 0));
  }

  /** Adds a matrix of an adapter under the name of the weight that it belongs to and an ending. */
  public GgufWriter lowRank(
      String name, String ending, BlockEncoder type, long[] shape, Source source, int heads) {
    return add(
        new Pending(
            architecture.fileName(name) + ending,
            fitting(type, shape),
            shape.clone(),
            source,
            heads,
            0));
  }

  /** Adds a tensor under its own name. */
  public GgufWriter tensor(String name, float[] values) {
    return add(
        new Pending(
            name,
            BlockEncoder.F32,
            new long[] {values.length},
            sink -> sink.accept(values, values.length),
            0,
            0));
  }

  /** Returns whether a weight has its rows in pairs, so that an update of it must have them too. */
  public boolean pairs(String name) {
    return architecture.pairedQuery(name) || architecture.pairedKey(name);
  }

  /** Vectors are small and kept as they are; rows that are no multiple of a block become halves. */
  private static BlockEncoder fitting(BlockEncoder type, long[] shape) {
    if (shape.length == 1) {
      return BlockEncoder.F32;
    }
    return shape[shape.length - 1] % type.elements() == 0 ? type : BlockEncoder.F16;
  }

  private GgufWriter add(Pending tensor) {
    tensors.add(tensor);
    return this;
  }

  /**
   * Writes the file under another name beside the target, and then gives it its name.
   *
   * @throws StorageUnreachable if it could not be written; nothing is left
   */
  public void write(Path target) {
    Path part = target.resolveSibling(target.getFileName() + ".part");
    try {
      try (FileChannel channel =
          FileChannel.open(
              part,
              StandardOpenOption.CREATE,
              StandardOpenOption.TRUNCATE_EXISTING,
              StandardOpenOption.WRITE)) {
        Output out = new Output(channel);
        writeHead(out);
        for (Pending tensor : tensors) {
          out.align();
          writeTensor(tensor, out);
        }
        out.flush();
        channel.force(true);
      } catch (UncheckedIOException e) {
        throw e.getCause();
      }
      Files.move(part, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw new StorageUnreachable(target + ": could not be written: " + e.getMessage(), e);
    } finally {
      removePart(part);
    }
  }

  private static void removePart(Path part) {
    try {
      Files.deleteIfExists(part);
    } catch (IOException e) {
      throw new StorageUnreachable(part + ": could not be removed: " + e.getMessage(), e);
    }
  }

  private void writeHead(Output out) {
    out.int32(MAGIC).int32(VERSION).int64(tensors.size()).int64(metadata.size());
    metadata.forEach(
        (key, value) -> {
          out.text(key);
          writeValue(value, out);
        });
    long offset = 0;
    for (Pending tensor : tensors) {
      out.text(tensor.name).int32(tensor.shape.length);
      for (int i = tensor.shape.length - 1; i >= 0; i--) {
        out.int64(tensor.shape[i]);
      }
      out.int32(tensor.type.code()).int64(offset);
      offset = (offset + tensor.bytes() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
  }

  private static void writeValue(GgufMetadata.Value value, Output out) {
    switch (value) {
      case GgufMetadata.Value.Int(long number) ->
          out.type(GgufType.UINT32).int32(Math.toIntExact(number));
      case GgufMetadata.Value.Real(double number) ->
          out.type(GgufType.FLOAT32).int32(Float.floatToRawIntBits((float) number));
      case GgufMetadata.Value.Bool(boolean truth) -> out.type(GgufType.BOOL).int8(truth ? 1 : 0);
      case GgufMetadata.Value.Text(String text) -> out.type(GgufType.STRING).text(text);
      case GgufMetadata.Value.Texts(List<String> texts) -> {
        out.type(GgufType.ARRAY).type(GgufType.STRING).int64(texts.size());
        texts.forEach(out::text);
      }
      case GgufMetadata.Value.Ints(long[] numbers) -> {
        out.type(GgufType.ARRAY).type(GgufType.INT32).int64(numbers.length);
        for (long number : numbers) {
          out.int32(Math.toIntExact(number));
        }
      }
      case GgufMetadata.Value.Skipped skipped ->
          throw new IllegalArgumentException(
              "a list was not read, so cannot be written: " + skipped);
    }
  }

  private static void writeTensor(Pending tensor, Output out) {
    Blocks blocks = new Blocks(tensor, out);
    if (tensor.pairedHeads == 0) {
      tensor.source.stream(blocks);
    } else {
      tensor.source.stream(new PairedRows(tensor, blocks));
    }
    if (blocks.written != tensor.elements()) {
      throw new IllegalStateException(
          "%s: expected %d values, got %d"
              .formatted(tensor.name, tensor.elements(), blocks.written));
    }
  }

  /** Encodes values in blocks as they come. */
  private static final class Blocks implements WeightReader.Sink {
    private final Pending tensor;
    private final Output out;
    private final float[] block;
    private int filled;
    private long written;

    private Blocks(Pending tensor, Output out) {
      this.tensor = tensor;
      this.out = out;
      this.block = new float[tensor.type.elements()];
    }

    @Override
    public void accept(float[] values, int count) {
      for (int i = 0; i < count; i++) {
        block[filled++] = values[i] + tensor.offset;
        if (filled == block.length) {
          tensor.type.encode(tensor.name, block, 0, out.room(tensor.type.bytes()));
          written += filled;
          filled = 0;
        }
      }
    }
  }

  /** Puts row (half, i) of each head to (i, half). */
  private static final class PairedRows implements WeightReader.Sink {
    private final WeightReader.Sink sink;
    private final int columns;
    private final float[] head;
    private final float[] row;
    private int filled;

    private PairedRows(Pending tensor, WeightReader.Sink sink) {
      this.sink = sink;
      this.columns = Math.toIntExact(tensor.elements() / tensor.shape[0]);
      this.head = new float[Math.toIntExact(tensor.elements() / tensor.pairedHeads)];
      this.row = new float[columns];
    }

    @Override
    public void accept(float[] values, int count) {
      for (int taken = 0; taken < count; ) {
        int next = Math.min(count - taken, head.length - filled);
        System.arraycopy(values, taken, head, filled, next);
        taken += next;
        filled += next;
        if (filled == head.length) {
          passOn();
          filled = 0;
        }
      }
    }

    private void passOn() {
      int half = head.length / columns / 2;
      for (int place = 0; place < 2 * half; place++) {
        int from = place % 2 * half + place / 2;
        System.arraycopy(head, from * columns, row, 0, columns);
        sink.accept(row, columns);
      }
    }
  }

  /** A buffer before the file. */
  private static final class Output {
    private final FileChannel channel;
    private final ByteBuffer buffer =
        ByteBuffer.allocate(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    private long flushed;

    private Output(FileChannel channel) {
      this.channel = channel;
    }

    private ByteBuffer room(int bytes) {
      if (buffer.remaining() < bytes) {
        flush();
      }
      return buffer;
    }

    private void flush() {
      buffer.flip();
      flushed += buffer.remaining();
      try {
        while (buffer.hasRemaining()) {
          channel.write(buffer);
        }
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
      buffer.clear();
    }

    private void align() {
      while ((flushed + buffer.position()) % ALIGNMENT != 0) {
        int8(0);
      }
    }

    private Output int8(int value) {
      room(1).put((byte) value);
      return this;
    }

    private Output int32(int value) {
      room(Integer.BYTES).putInt(value);
      return this;
    }

    private Output int64(long value) {
      room(Long.BYTES).putLong(value);
      return this;
    }

    private Output type(GgufType type) {
      return int32(type.ordinal());
    }

    private Output text(String text) {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      int64(bytes.length);
      for (int start = 0; start < bytes.length; start += BUFFER_BYTES) {
        int count = Math.min(BUFFER_BYTES, bytes.length - start);
        room(count).put(bytes, start, count);
      }
      return this;
    }
  }
}
