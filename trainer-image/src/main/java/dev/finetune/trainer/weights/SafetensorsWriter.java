package dev.finetune.trainer.weights;

import com.fasterxml.jackson.core.JsonGenerator;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.json.JsonFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.LongBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Writes a safetensors file byte for byte as the reference library does: wider types first, names
 * in ascending order within a type, the header padded with spaces to a multiple of 8. The same
 * tensors always make the same bytes, in whatever order they are added.
 *
 * <p>Buffers and memory are not copied: they must not change before the file is written.
 */
public final class SafetensorsWriter {
  private static final int CHUNK_BYTES = 1 << 16;
  private static final int MEMORY_CHUNK_BYTES = 1 << 20;
  private static final int STREAMED_PART = CHUNK_BYTES / Float.BYTES;
  private static final Comparator<Pending> ORDER =
      Comparator.comparing(Pending::type).reversed().thenComparing(Pending::name);

  private final Map<String, String> metadata = new TreeMap<>(Map.of("format", "pt"));
  private final List<Pending> tensors = new ArrayList<>();

  private record Pending(String name, ElementType type, long[] shape, Source source) {
    long bytes() {
      return source.elements() * type.bytes();
    }
  }

  /** Where a tensor's values come from. */
  private sealed interface Source {
    long elements();
  }

  private record Floats(FloatBuffer values) implements Source {
    @Override
    public long elements() {
      return values.remaining();
    }
  }

  private record Longs(LongBuffer values) implements Source {
    @Override
    public long elements() {
      return values.remaining();
    }
  }

  private record Bytes(ByteBuffer values) implements Source {
    @Override
    public long elements() {
      return values.remaining();
    }
  }

  private record Memory(MemorySegment values, int elementBytes) implements Source {
    @Override
    public long elements() {
      return values.byteSize() / elementBytes;
    }
  }

  private record Streamed(WeightReader weights, String name, long elements) implements Source {}

  /** Adds a string to the header, beside {@code format: pt}. */
  public SafetensorsWriter metadata(String key, String value) {
    metadata.put(key, value);
    return this;
  }

  /**
   * Adds a tensor of type F32.
   *
   * @param values the elements from position to limit, as many as the shape has
   */
  public SafetensorsWriter add(String name, long[] shape, FloatBuffer values) {
    return add(new Pending(name, ElementType.F32, shape.clone(), new Floats(values.slice())));
  }

  /** Adds a tensor of type I64. */
  public SafetensorsWriter add(String name, long[] shape, LongBuffer values) {
    return add(new Pending(name, ElementType.I64, shape.clone(), new Longs(values.slice())));
  }

  /** Adds a tensor of type U8. */
  public SafetensorsWriter add(String name, long[] shape, ByteBuffer values) {
    return add(new Pending(name, ElementType.U8, shape.clone(), new Bytes(values.slice())));
  }

  /**
   * Adds a tensor of any type.
   *
   * @param values the elements in little-endian order, as memory has them on every processor that
   *     the trainer runs on
   */
  public SafetensorsWriter add(String name, ElementType type, long[] shape, MemorySegment values) {
    return add(new Pending(name, type, shape.clone(), new Memory(values, type.bytes())));
  }

  /**
   * Adds a tensor of a reader, which is read when the file is written, part by part, and must stay
   * open until then.
   *
   * @param type what its values are rounded to: F32, F16 or BF16
   */
  public SafetensorsWriter add(String name, ElementType type, WeightReader weights) {
    if (!type.readableAsFloat()) {
      throw new IllegalArgumentException("expected F32, F16 or BF16, was " + type);
    }
    long[] shape = weights.shape(name);
    long elements = Extent.elements(name, name, shape);
    return add(new Pending(name, type, shape, new Streamed(weights, name, elements)));
  }

  private SafetensorsWriter add(Pending tensor) {
    long expected = 1;
    for (long size : tensor.shape) {
      expected = Math.multiplyExact(expected, size);
    }
    if (expected != tensor.source.elements()) {
      throw new IllegalArgumentException(
          "%s: shape %s has %d elements, the buffer %d"
              .formatted(
                  tensor.name, Arrays.toString(tensor.shape), expected, tensor.source.elements()));
    }
    if (tensor.name.equals(SafetensorsHeader.METADATA)
        || tensors.stream().anyMatch(t -> t.name.equals(tensor.name))) {
      throw new IllegalArgumentException("a tensor '" + tensor.name + "' cannot be added");
    }
    tensors.add(tensor);
    return this;
  }

  /**
   * Writes the file under another name beside the target, waits until it is on the disk, and only
   * then gives it its name.
   *
   * @throws StorageUnreachable if it could not be written, such as on a full disk; nothing is left
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
        writeTo(channel);
        channel.force(true);
      }
      Files.move(part, target, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
      syncFolder(target);
    } catch (IOException e) {
      removePart(part, e);
      throw new StorageUnreachable(target + ": could not be written: " + e.getMessage(), e);
    }
  }

  /**
   * Writes the file over a former one without waiting for the disk: for a file that only this
   * process reads. Writing over what is still in the system's memory spares it the search for more.
   *
   * @throws StorageUnreachable if it could not be written, such as on a full disk
   */
  public void overwrite(Path target) {
    try (FileChannel channel =
        FileChannel.open(target, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      writeTo(channel);
      channel.truncate(channel.position());
    } catch (IOException e) {
      throw new StorageUnreachable(target + ": could not be written: " + e.getMessage(), e);
    }
  }

  /** Writes the bytes of the file to a channel, which stays open. */
  public void writeTo(WritableByteChannel channel) throws IOException {
    List<Pending> sorted = tensors.stream().sorted(ORDER).toList();
    byte[] header = header(sorted);
    ByteBuffer buffer = ByteBuffer.allocate(CHUNK_BYTES).order(ByteOrder.LITTLE_ENDIAN);
    buffer.putLong(header.length);
    drain(buffer, channel);
    writeAll(ByteBuffer.wrap(header), channel);
    for (Pending tensor : sorted) {
      switch (tensor.source) {
        case Floats floats -> writeFloats(floats.values.duplicate(), buffer, channel);
        case Longs longs -> writeLongs(longs.values.duplicate(), buffer, channel);
        case Bytes bytes -> writeAll(bytes.values.duplicate(), channel);
        case Memory memory -> writeMemory(memory.values, channel);
        case Streamed streamed -> writeStreamed(streamed, tensor.type, buffer, channel);
      }
    }
  }

  private byte[] header(List<Pending> sorted) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (JsonGenerator json = JsonFile.factory().createGenerator(out)) {
      json.writeStartObject();
      json.writeObjectFieldStart(SafetensorsHeader.METADATA);
      for (Map.Entry<String, String> entry : metadata.entrySet()) {
        json.writeStringField(entry.getKey(), entry.getValue());
      }
      json.writeEndObject();
      long offset = 0;
      for (Pending tensor : sorted) {
        json.writeObjectFieldStart(tensor.name);
        json.writeStringField("dtype", tensor.type.name());
        json.writeFieldName("shape");
        json.writeArray(tensor.shape, 0, tensor.shape.length);
        json.writeFieldName("data_offsets");
        json.writeArray(new long[] {offset, offset + tensor.bytes()}, 0, 2);
        json.writeEndObject();
        offset += tensor.bytes();
      }
      json.writeEndObject();
    }
    while (out.size() % 8 != 0) {
      out.write(' ');
    }
    return out.toByteArray();
  }

  private static void writeFloats(
      FloatBuffer values, ByteBuffer buffer, WritableByteChannel channel) throws IOException {
    while (values.hasRemaining()) {
      int count = Math.min(values.remaining(), buffer.capacity() / Float.BYTES);
      buffer.asFloatBuffer().put(values.slice(values.position(), count));
      values.position(values.position() + count);
      drain(buffer.position(count * Float.BYTES), channel);
    }
  }

  private static void writeLongs(LongBuffer values, ByteBuffer buffer, WritableByteChannel channel)
      throws IOException {
    while (values.hasRemaining()) {
      int count = Math.min(values.remaining(), buffer.capacity() / Long.BYTES);
      buffer.asLongBuffer().put(values.slice(values.position(), count));
      values.position(values.position() + count);
      drain(buffer.position(count * Long.BYTES), channel);
    }
  }

  private static void writeMemory(MemorySegment values, WritableByteChannel channel)
      throws IOException {
    for (long start = 0; start < values.byteSize(); start += MEMORY_CHUNK_BYTES) {
      long bytes = Math.min(MEMORY_CHUNK_BYTES, values.byteSize() - start);
      writeAll(values.asSlice(start, bytes).asByteBuffer(), channel);
    }
  }

  private static void writeStreamed(
      Streamed tensor, ElementType type, ByteBuffer buffer, WritableByteChannel channel)
      throws IOException {
    try {
      tensor.weights.stream(
          tensor.name,
          (values, count) -> {
            try {
              for (int start = 0; start < count; start += STREAMED_PART) {
                int end = Math.min(count, start + STREAMED_PART);
                RoundedFloats.put(tensor.name, type, values, start, end, buffer);
                drain(buffer, channel);
              }
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static void drain(ByteBuffer buffer, WritableByteChannel channel) throws IOException {
    writeAll(buffer.flip(), channel);
    buffer.clear();
  }

  private static void writeAll(ByteBuffer bytes, WritableByteChannel channel) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  private static void syncFolder(Path target) throws IOException {
    try (FileChannel folder =
        FileChannel.open(target.toAbsolutePath().getParent(), StandardOpenOption.READ)) {
      folder.force(true);
    }
  }

  private static void removePart(Path part, IOException cause) {
    try {
      Files.deleteIfExists(part);
    } catch (IOException e) {
      cause.addSuppressed(e);
    }
  }
}
