package dev.finetune.trainer.weights;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.json.JsonFields;
import dev.finetune.trainer.json.JsonFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Reads safetensors: one file, or the shards that a {@code model.safetensors.index.json} lists.
 *
 * <p>Files are mapped, so a tensor's bytes are read when it is. Everything that the header says is
 * checked before the constructor returns.
 */
public final class SafetensorsReader implements WeightReader {
  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final int MOST_SHARDS = 4096;

  private final List<MappedFile> files = new ArrayList<>();
  private final Map<String, Stored> tensors = new TreeMap<>();
  private final Map<String, String> metadata = new TreeMap<>();

  private record Stored(MappedFile file, SafetensorsHeader.Entry entry) {}

  private SafetensorsReader() {}

  /**
   * Opens one file. The caller closes the reader.
   *
   * @throws UnreadableData if the file is missing, truncated or breaks a rule of the format
   * @throws UnsupportedModel if a tensor has a type of no known size
   */
  public static SafetensorsReader open(Path file) {
    SafetensorsReader reader = new SafetensorsReader();
    reader.addAll(() -> reader.add(file, null));
    return reader;
  }

  /**
   * Opens the weights of a model's folder: the shards of its index, or else its single file.
   *
   * @throws UnreadableData as {@link #open}, and if neither is there, or the index names a tensor
   *     that its shard does not have
   */
  public static SafetensorsReader openModel(Path folder) {
    Path index = folder.resolve(INDEX);
    if (Files.exists(index)) {
      return openShards(folder, index);
    }
    Path single = folder.resolve(SINGLE);
    if (!Files.exists(single)) {
      throw new UnreadableData(
          folder + ": expected " + SINGLE + " or " + INDEX + ", found neither");
    }
    return open(single);
  }

  private static SafetensorsReader openShards(Path folder, Path index) {
    Map<String, Set<String>> shards = shards(index);
    SafetensorsReader reader = new SafetensorsReader();
    reader.addAll(() -> shards.forEach((shard, names) -> reader.add(folder.resolve(shard), names)));
    return reader;
  }

  private static Map<String, Set<String>> shards(Path index) {
    JsonFields fields = JsonFile.readObject(index, SafetensorsHeader.MOST_BYTES);
    JsonNode map = fields.node("weight_map");
    if (map == null || !map.isObject()) {
      throw new UnreadableData(index + ": field 'weight_map' must be an object");
    }
    Map<String, Set<String>> shards = new TreeMap<>();
    for (Map.Entry<String, JsonNode> field : map.properties()) {
      String shard = field.getValue().isTextual() ? field.getValue().textValue() : "";
      // Only a plain name: a shard must not lead out of the model's folder.
      if (!shard.matches("[A-Za-z0-9_][A-Za-z0-9._-]{0,254}")) {
        throw new UnreadableData(
            index + ": weight_map: '" + field.getKey() + "' must name a file of the same folder");
      }
      shards.computeIfAbsent(shard, _ -> new TreeSet<>()).add(field.getKey());
    }
    if (shards.size() > MOST_SHARDS) {
      throw new UnreadableData(
          index + ": must name at most " + MOST_SHARDS + " files, named " + shards.size());
    }
    return shards;
  }

  /** Opens files, or closes those that were opened if one of them is refused. */
  private void addAll(Runnable opening) {
    boolean opened = false;
    try {
      opening.run();
      opened = true;
    } finally {
      if (!opened) {
        close();
      }
    }
  }

  private void add(Path path, @Nullable Set<String> wanted) {
    MappedFile file = MappedFile.open(path);
    files.add(file);
    SafetensorsHeader header = SafetensorsHeader.read(file);
    metadata.putAll(header.metadata());
    for (String name : wanted == null ? header.tensors().keySet() : wanted) {
      SafetensorsHeader.Entry entry = header.tensors().get(name);
      if (entry == null) {
        throw new UnreadableData(
            path + ": expected tensor '" + name + "' that the index lists, found none");
      }
      tensors.put(name, new Stored(file, entry));
    }
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  @Override
  public long[] shape(String name) {
    return stored(name).entry.shape().clone();
  }

  /** Returns the type of a tensor as stored. */
  public ElementType type(String name) {
    return stored(name).entry.type();
  }

  /** Returns the strings that the writer left in the header, of all shards together. */
  public Map<String, String> metadata() {
    return new HashMap<>(metadata);
  }

  @Override
  public void read(String name, FloatBuffer target) {
    Stored stored = stored(name);
    SafetensorsHeader.Entry entry = stored.entry;
    if (target.remaining() != entry.elements()) {
      throw new IllegalArgumentException(
          "%s: target must have %d elements, had %d"
              .formatted(name, entry.elements(), target.remaining()));
    }
    stream(name, (values, count) -> target.put(values, 0, count));
  }

  @Override
  public void stream(String name, Sink sink) {
    Stored stored = stored(name);
    SafetensorsHeader.Entry entry = stored.entry;
    new BlockStream(stored.file, decoder(name, stored))
        .decode(entry.offset(), entry.elements(), sink);
  }

  /** Returns the values of a tensor that is F32, F16 or BF16 as a new array. */
  public float[] readFloats(String name) {
    float[] values = new float[arraySize(name, stored(name).entry.elements())];
    read(name, FloatBuffer.wrap(values));
    return values;
  }

  /** Returns the values of a tensor of type I64 as a new array. */
  public long[] readLongs(String name) {
    Stored stored = require(name, ElementType.I64);
    byte[] bytes = new byte[arraySize(name, stored.entry.bytes())];
    stored.file.copy(stored.entry.offset(), bytes, bytes.length);
    long[] values = new long[bytes.length / Long.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(values);
    return values;
  }

  /** Returns the values of a tensor of type U8 as a new array. */
  public byte[] readBytes(String name) {
    Stored stored = require(name, ElementType.U8);
    byte[] values = new byte[arraySize(name, stored.entry.bytes())];
    stored.file.copy(stored.entry.offset(), values, values.length);
    return values;
  }

  /** Takes the bytes of a tensor in order, in parts. */
  public interface ByteSink {
    /**
     * Takes the next part.
     *
     * @param bytes the part, overwritten after the call
     * @param count how many of the bytes count
     */
    void accept(byte[] bytes, int count);
  }

  /** Passes the values of a tensor of type U8 on in parts. */
  public void streamBytes(String name, ByteSink sink) {
    Stored stored = require(name, ElementType.U8);
    byte[] part = new byte[1 << 16];
    long size = stored.entry.bytes();
    for (long done = 0; done < size; done += part.length) {
      int count = (int) Math.min(part.length, size - done);
      stored.file.copy(stored.entry.offset() + done, part, count);
      sink.accept(part, count);
    }
  }

  @Override
  public void close() {
    files.forEach(MappedFile::close);
    files.clear();
    tensors.clear();
  }

  private Stored stored(String name) {
    Stored stored = tensors.get(name);
    if (stored == null) {
      throw new IllegalArgumentException("no tensor '" + name + "'");
    }
    return stored;
  }

  private Stored require(String name, ElementType type) {
    Stored stored = stored(name);
    if (stored.entry.type() != type) {
      throw new UnreadableData(
          "%s: tensor '%s': expected type %s, found %s"
              .formatted(stored.file.path(), name, type, stored.entry.type()));
    }
    return stored;
  }

  private static int arraySize(String name, long elements) {
    if (elements > Integer.MAX_VALUE - 8) {
      throw new IllegalArgumentException(
          name + ": " + elements + " elements are more than an array holds");
    }
    return (int) elements;
  }

  private static BlockDecoder decoder(String name, Stored stored) {
    return switch (stored.entry.type()) {
      case F32 -> BlockDecoder.F32;
      case F16 -> BlockDecoder.F16;
      case BF16 -> BlockDecoder.BF16;
      case BOOL, U8, I8, F8_E5M2, F8_E4M3, I16, U16, I32, U32, F64, I64, U64 ->
          throw new UnsupportedModel(
              "%s: tensor '%s': type %s is not supported, use F32, F16 or BF16"
                  .formatted(stored.file.path(), name, stored.entry.type()));
    };
  }
}
