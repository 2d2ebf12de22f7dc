package dev.finetune.trainer.weights;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.json.JsonFields;
import dev.finetune.trainer.json.JsonFile;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.TreeMap;

/**
 * What the head of a safetensors file says, checked against the size of the file: tensors tile the
 * data section without a gap, as the format demands.
 *
 * @param tensors by name, in the order of the header
 * @param metadata free strings of the writer
 * @see <a href="https://github.com/huggingface/safetensors#format">the format</a>
 */
record SafetensorsHeader(SequencedMap<String, Entry> tensors, Map<String, String> metadata) {
  static final int LENGTH_BYTES = Long.BYTES;
  static final String METADATA = "__metadata__";

  /** A third of the reference implementation's bound; a hundred thousand tensors fit. */
  static final long MOST_BYTES = 32L << 20;

  private static final int MOST_DIMENSIONS = 16;
  private static final int MOST_NAME = 1024;

  /** One tensor: its type, its shape and its bytes within the file. */
  record Entry(ElementType type, long[] shape, long offset, long bytes) {
    long elements() {
      return bytes / type.bytes();
    }
  }

  /**
   * Reads the header of a file.
   *
   * @throws UnreadableData if the file is cut, or the header breaks a rule of the format
   * @throws dev.finetune.trainer.failure.UnsupportedModel if a tensor has a type of no known size
   */
  static SafetensorsHeader read(MappedFile file) {
    String source = file.path().toString();
    if (file.size() < LENGTH_BYTES) {
      throw new UnreadableData(
          source
              + ": expected a safetensors header of at least 8 bytes, found a file of "
              + file.size());
    }
    long length = file.longAt(0);
    if (length < 2 || length > MOST_BYTES) {
      throw new UnreadableData(
          "%s: length of the safetensors header must be 2 to %d, was %s"
              .formatted(source, MOST_BYTES, Long.toUnsignedString(length)));
    }
    if (length > file.size() - LENGTH_BYTES) {
      throw new UnreadableData(
          "%s: file is truncated: expected a header of %d bytes, found %d"
              .formatted(source, length, file.size() - LENGTH_BYTES));
    }
    byte[] json = new byte[Math.toIntExact(length)];
    file.copy(LENGTH_BYTES, json, json.length);
    if (json[0] != '{') {
      throw new UnreadableData(source + ": expected a safetensors header that starts with '{'");
    }
    return parse(source, JsonFile.parse(source, json), LENGTH_BYTES + length, file.size());
  }

  private static SafetensorsHeader parse(
      String source, JsonNode header, long dataStart, long fileSize) {
    if (!header.isObject()) {
      throw new UnreadableData(source + ": expected a safetensors header that is an object");
    }
    SequencedMap<String, Entry> tensors = new LinkedHashMap<>();
    Map<String, String> metadata = new TreeMap<>();
    List<Extent> extents = new ArrayList<>();
    for (Map.Entry<String, JsonNode> field : header.properties()) {
      String name = field.getKey();
      if (name.equals(METADATA)) {
        readMetadata(source, field.getValue(), metadata);
        continue;
      }
      Entry entry = entry(source, name, field.getValue(), dataStart);
      tensors.put(name, entry);
      long begin = entry.offset - dataStart;
      extents.add(new Extent(name, begin, begin + entry.bytes));
    }
    requireTiling(source, extents, fileSize - dataStart);
    return new SafetensorsHeader(
        Collections.unmodifiableSequencedMap(tensors), Collections.unmodifiableMap(metadata));
  }

  private static void requireTiling(String source, List<Extent> extents, long dataSize) {
    long next = 0;
    for (Extent extent : Extent.requireDisjoint(source, extents)) {
      if (extent.begin() != next) {
        throw new UnreadableData(
            "%s: tensor '%s': expected its data at byte %d, found it at %d"
                .formatted(source, extent.name(), next, extent.begin()));
      }
      next = extent.end();
    }
    if (next > dataSize) {
      throw new UnreadableData(
          "%s: file is truncated: expected %d bytes of data, found %d"
              .formatted(source, next, dataSize));
    }
    if (next < dataSize) {
      throw new UnreadableData(
          "%s: expected %d bytes of data, found %d: the rest belongs to no tensor"
              .formatted(source, next, dataSize));
    }
  }

  private static Entry entry(String source, String name, JsonNode node, long dataStart) {
    if (name.isEmpty() || name.length() > MOST_NAME) {
      throw new UnreadableData(
          "%s: a tensor's name must have 1 to %d characters, had %d"
              .formatted(source, MOST_NAME, name.length()));
    }
    String place = source + ": tensor '" + name + "'";
    JsonFields fields = new JsonFields(place, node);
    String typeName = fields.text("dtype");
    if (typeName == null) {
      throw new UnreadableData(place + ": field 'dtype' is missing");
    }
    ElementType type = ElementType.named(typeName, name, source);
    long[] shape = longs(fields, "shape", MOST_DIMENSIONS);
    long[] offsets = longs(fields, "data_offsets", 2);
    if (offsets.length != 2 || offsets[0] > offsets[1] || offsets[1] > Long.MAX_VALUE - dataStart) {
      throw new UnreadableData(place + ": data_offsets must be a begin and an end not before it");
    }
    long expected;
    try {
      expected = Math.multiplyExact(Extent.elements(source, name, shape), (long) type.bytes());
    } catch (ArithmeticException e) {
      throw new UnreadableData(place + ": shape has more bytes than any file", e);
    }
    long bytes = offsets[1] - offsets[0];
    if (bytes != expected) {
      throw new UnreadableData(
          "%s: shape and type %s make %d bytes, data_offsets %d"
              .formatted(place, type, expected, bytes));
    }
    return new Entry(type, shape, dataStart + offsets[0], bytes);
  }

  private static long[] longs(JsonFields fields, String name, int most) {
    JsonNode list = fields.node(name);
    if (list == null || !list.isArray() || list.size() > most) {
      throw new UnreadableData(
          fields.source() + ": field '" + name + "' must be a list of at most " + most);
    }
    long[] values = new long[list.size()];
    for (int i = 0; i < values.length; i++) {
      JsonNode value = list.get(i);
      if (!value.isIntegralNumber() || !value.canConvertToLong() || value.longValue() < 0) {
        throw fields.wrongType(name, "a list of integers from 0", value);
      }
      values[i] = value.longValue();
    }
    return values;
  }

  private static void readMetadata(String source, JsonNode node, Map<String, String> target) {
    JsonFields fields = new JsonFields(source + ": " + METADATA, node);
    for (Map.Entry<String, JsonNode> field : node.properties()) {
      if (!field.getValue().isTextual()) {
        throw fields.wrongType(field.getKey(), "a string", field.getValue());
      }
      target.put(field.getKey(), field.getValue().textValue());
    }
  }
}
