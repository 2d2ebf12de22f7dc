package dev.finetune.trainer.weights;

import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

/**
 * Reads a model from GGUF, version 2 or 3, little endian, with tensors of the types F32, F16, BF16,
 * Q4_0 to Q8_0, Q2_K to Q6_K, IQ4_NL and IQ4_XS.
 *
 * <p>What it offers is the Hugging Face layout: names translated, dimensions slowest first, for
 * Llama the rows of the query and key projections back in two halves per head, where GGUF keeps
 * them in pairs, and for Gemma the norms without the one that GGUF adds to them.
 *
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">the format</a>
 */
public final class GgufReader implements WeightReader {
  private static final int MAGIC = 0x46554747;
  private static final int MOST_DIMENSIONS = 4;
  private static final long MOST_TENSORS = 1 << 16;
  private static final long MOST_KEYS = 1 << 16;
  private static final int MOST_TENSOR_NAME = 256;
  private static final int MOST_KEY = 65535;
  private static final int MOST_ALIGNMENT = 1 << 16;

  private final MappedFile file;
  private final GgufMetadata metadata;
  private final GgufArchitecture architecture;
  private final Map<String, Stored> tensors;
  private final int heads;
  private final int keyValueHeads;

  /** One tensor: shape slowest first, and where its bytes begin in the file. */
  private record Stored(BlockDecoder decoder, long[] shape, long elements, long offset) {
    long rowElements() {
      return elements / shape[0];
    }

    long rowBytes() {
      return rowElements() / decoder.elements() * decoder.bytes();
    }
  }

  private record Info(String name, BlockDecoder decoder, long[] shape, long elements, long offset) {
    long bytes() {
      return elements / decoder.elements() * decoder.bytes();
    }
  }

  private GgufReader(
      MappedFile file,
      GgufMetadata metadata,
      GgufArchitecture architecture,
      Map<String, Stored> tensors) {
    this.file = file;
    this.metadata = metadata;
    this.architecture = architecture;
    this.tensors = tensors;
    // An adapter's file has none.
    this.heads = metadata.intOr(architecture.key() + ".attention.head_count", 0);
    this.keyValueHeads = metadata.intOr(architecture.key() + ".attention.head_count_kv", heads);
    tensors.forEach(this::requireHeadsDivide);
  }

  /**
   * Opens a file. The caller closes the reader.
   *
   * @throws UnreadableData if it is missing, truncated or breaks a rule of the format
   * @throws UnsupportedModel if the architecture or the type of a tensor is not supported
   */
  public static GgufReader open(Path path) {
    MappedFile file = MappedFile.open(path);
    boolean opened = false;
    try {
      GgufReader reader = read(file);
      opened = true;
      return reader;
    } finally {
      if (!opened) {
        file.close();
      }
    }
  }

  private static GgufReader read(MappedFile file) {
    GgufCursor cursor = new GgufCursor(file);
    requireVersion(cursor);
    long tensorCount = cursor.count("number of tensors", MOST_TENSORS, 24);
    long keyCount = cursor.count("number of metadata keys", MOST_KEYS, 13);
    GgufMetadata metadata = metadata(file.path(), cursor, keyCount);
    GgufArchitecture architecture =
        GgufArchitecture.named(
            file.path().toString(), metadata.requireText("general.architecture"));
    List<Info> infos = new ArrayList<>();
    for (long i = 0; i < tensorCount; i++) {
      infos.add(info(file.path(), cursor));
    }
    return new GgufReader(
        file,
        metadata,
        architecture,
        place(file, metadata, architecture, infos, cursor.position()));
  }

  private static void requireVersion(GgufCursor cursor) {
    int magic = cursor.int32("the magic number");
    if (magic != MAGIC) {
      throw cursor.broken("expected a GGUF file, found other first bytes");
    }
    int version = cursor.int32("the version");
    if (version < 2 || version > 3) {
      throw cursor.broken(
          "version must be 2 or 3 in little endian, was " + Integer.toUnsignedString(version));
    }
  }

  private static GgufMetadata metadata(Path path, GgufCursor cursor, long count) {
    Map<String, GgufMetadata.Value> values = new HashMap<>();
    for (long i = 0; i < count; i++) {
      String key = cursor.text("a metadata key", MOST_KEY);
      if (values.put(key, cursor.value(key)) != null) {
        throw cursor.broken("metadata '" + key + "' appears twice");
      }
    }
    return new GgufMetadata(path.toString(), values);
  }

  private static Info info(Path path, GgufCursor cursor) {
    String name = cursor.text("a tensor's name", MOST_TENSOR_NAME);
    int dimensions = cursor.int32("dimensions of '" + name + "'");
    if (dimensions < 1 || dimensions > MOST_DIMENSIONS) {
      throw cursor.broken(
          "tensor '%s': number of dimensions must be 1 to %d, was %s"
              .formatted(name, MOST_DIMENSIONS, Integer.toUnsignedString(dimensions)));
    }
    long[] shape = new long[dimensions];
    for (int i = dimensions - 1; i >= 0; i--) {
      shape[i] = cursor.int64("dimensions of '" + name + "'");
      if (shape[i] < 1) {
        throw cursor.broken("tensor '" + name + "': dimensions must be from 1 to 2^63 - 1");
      }
    }
    BlockDecoder decoder =
        GgufTensorTypes.decoder(path, name, cursor.int32("type of '" + name + "'"));
    long elements = Extent.elements(path.toString(), name, shape);
    if (shape[dimensions - 1] % decoder.elements() != 0) {
      throw cursor.broken(
          "tensor '%s': rows of type %s must be a multiple of %d long, were %d"
              .formatted(name, decoder, decoder.elements(), shape[dimensions - 1]));
    }
    if (elements / decoder.elements() > Long.MAX_VALUE / decoder.bytes()) {
      throw cursor.broken("tensor '" + name + "': has more bytes than any file");
    }
    return new Info(name, decoder, shape, elements, cursor.int64("offset of '" + name + "'"));
  }

  private static Map<String, Stored> place(
      MappedFile file,
      GgufMetadata metadata,
      GgufArchitecture architecture,
      List<Info> infos,
      long headEnd) {
    String source = file.path().toString();
    int alignment = metadata.intOr("general.alignment", 32);
    if (alignment < 1 || alignment > MOST_ALIGNMENT || Integer.bitCount(alignment) != 1) {
      throw new UnreadableData(
          "%s: general.alignment must be a power of two up to %d, was %d"
              .formatted(source, MOST_ALIGNMENT, alignment));
    }
    long dataStart = (headEnd + alignment - 1) / alignment * alignment;
    long dataSize = file.size() - dataStart;
    Map<String, Stored> tensors = new TreeMap<>();
    List<Extent> extents = new ArrayList<>();
    for (Info info : infos) {
      if (info.offset < 0 || info.offset % alignment != 0) {
        throw new UnreadableData(
            "%s: tensor '%s': offset must be a multiple of %d, was %s"
                .formatted(source, info.name, alignment, Long.toUnsignedString(info.offset)));
      }
      if (info.offset > dataSize || info.bytes() > dataSize - info.offset) {
        throw new UnreadableData(
            "%s: file is truncated: tensor '%s': expected %d bytes at %d of the data, found %d in all"
                .formatted(source, info.name, info.bytes(), info.offset, Math.max(0, dataSize)));
      }
      String name = architecture.translate(info.name);
      Stored stored = new Stored(info.decoder, info.shape, info.elements, dataStart + info.offset);
      if (tensors.put(name, stored) != null) {
        throw new UnreadableData(source + ": tensor '" + info.name + "' appears twice");
      }
      extents.add(new Extent(info.name, info.offset, info.offset + info.bytes()));
    }
    Extent.requireDisjoint(source, extents);
    return tensors;
  }

  /** Returns the metadata. */
  public GgufMetadata metadata() {
    return metadata;
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  @Override
  public long[] shape(String name) {
    return stored(name).shape.clone();
  }

  @Override
  public void read(String name, FloatBuffer target) {
    Stored stored = stored(name);
    if (target.remaining() != stored.elements) {
      throw new IllegalArgumentException(
          "%s: target must have %d elements, had %d"
              .formatted(name, stored.elements, target.remaining()));
    }
    stream(name, (values, count) -> target.put(values, 0, count));
  }

  @Override
  public void stream(String name, Sink sink) {
    Stored stored = stored(name);
    BlockStream stream = new BlockStream(file, stored.decoder);
    int rotated = rotatedHeads(name);
    if (rotated == 0) {
      stream.decode(
          stored.offset,
          stored.elements,
          architecture.offsetNorm(name) ? withoutOffset(sink) : sink);
      return;
    }
    WholeParts parts = new WholeParts(sink);
    int headSize = Math.toIntExact(stored.shape[0] / rotated);
    for (int head = 0; head < rotated; head++) {
      for (int row = 0; row < headSize; row++) {
        // Row (half, i) of a head lies at (i, half).
        int half = row / (headSize / 2);
        long place = (long) head * headSize + 2L * (row % (headSize / 2)) + half;
        stream.decode(stored.offset + place * stored.rowBytes(), stored.rowElements(), parts);
      }
    }
    parts.flush();
  }

  private static Sink withoutOffset(Sink sink) {
    return (values, count) -> {
      for (int i = 0; i < count; i++) {
        values[i] -= 1;
      }
      sink.accept(values, count);
    };
  }

  /** Makes parts of full size of rows, which may be shorter. */
  private static final class WholeParts implements Sink {
    private final Sink sink;
    private final float[] part = new float[PART];
    private int filled;

    private WholeParts(Sink sink) {
      this.sink = sink;
    }

    @Override
    public void accept(float[] values, int count) {
      int taken = 0;
      while (taken < count) {
        int next = Math.min(count - taken, PART - filled);
        System.arraycopy(values, taken, part, filled, next);
        taken += next;
        filled += next;
        if (filled == PART) {
          flush();
        }
      }
    }

    void flush() {
      if (filled > 0) {
        sink.accept(part, filled);
        filled = 0;
      }
    }
  }

  @Override
  public void close() {
    file.close();
  }

  private Stored stored(String name) {
    Stored stored = tensors.get(name);
    if (stored == null) {
      throw new IllegalArgumentException("no tensor '" + name + "'");
    }
    return stored;
  }

  private int rotatedHeads(String name) {
    if (architecture.pairedQuery(name)) {
      return heads;
    }
    return architecture.pairedKey(name) ? keyValueHeads : 0;
  }

  private void requireHeadsDivide(String name, Stored stored) {
    if (!architecture.pairedQuery(name) && !architecture.pairedKey(name)) {
      return;
    }
    int rotated = rotatedHeads(name);
    if (rotated < 1
        || stored.shape.length > 2
        || stored.shape[0] % (2L * rotated) != 0
        || stored.rowElements() % stored.decoder.elements() != 0) {
      throw new UnreadableData(
          "%s: tensor '%s': expected an even number of rows for each of %d heads, found %d rows"
              .formatted(file.path(), name, rotated, stored.shape[0]));
    }
  }
}
