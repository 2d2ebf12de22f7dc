package dev.finetune.trainer.weights;

import dev.finetune.trainer.failure.UnreadableData;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/** Reads the head of a GGUF file from front to back; nothing is allocated that is not there. */
final class GgufCursor {
  private static final int MOST_DEPTH = 3;
  private static final long MOST_TEXT = 16L << 20;

  /** Elements of all lists: tokens, scores, types and merges of 262144 tokens are 1.3 million. */
  private static final long MOST_ELEMENTS = 1L << 22;

  /** Tokens and merges of the largest vocabularies take about 20 MB. */
  private static final long MOST_HEAD = 256L << 20;

  private final MappedFile file;
  private final CharsetDecoder utf8 = StandardCharsets.UTF_8.newDecoder();
  private long position;
  private long elementsLeft = MOST_ELEMENTS;

  // What errors call a thing is put into words only then: a vocabulary has a hundred thousand.

  private record Element(String key, long index) {
    @Override
    public String toString() {
      return "'" + key + "'[" + index + "]";
    }
  }

  private record LengthOf(Object what) {
    @Override
    public String toString() {
      return "length of " + what;
    }
  }

  GgufCursor(MappedFile file) {
    this.file = file;
  }

  long position() {
    return position;
  }

  UnreadableData broken(String message) {
    return new UnreadableData(file.path() + ": " + message);
  }

  int int32(Object what) {
    need(Integer.BYTES, what);
    int value = file.intAt(position);
    position += Integer.BYTES;
    return value;
  }

  long int64(Object what) {
    need(Long.BYTES, what);
    long value = file.longAt(position);
    position += Long.BYTES;
    return value;
  }

  /** Reads a number of things that each take at least some bytes of what is left of the file. */
  long count(Object what, long most, long leastBytesEach) {
    long count = int64(what);
    if (count < 0 || count > most) {
      throw broken(
          "%s must be 0 to %d, was %s".formatted(what, most, Long.toUnsignedString(count)));
    }
    need(count * leastBytesEach, what);
    return count;
  }

  String text(Object what, long most) {
    long length = count(new LengthOf(what), most, 1);
    byte[] bytes = new byte[Math.toIntExact(length)];
    file.copyMapped(position, bytes);
    position += length;
    try {
      return utf8.decode(ByteBuffer.wrap(bytes)).toString();
    } catch (CharacterCodingException e) {
      throw new UnreadableData(file.path() + ": " + what + ": expected UTF-8", e);
    }
  }

  GgufMetadata.Value value(String key) {
    int type = int32("type of '" + key + "'");
    return type == GgufType.ARRAY.ordinal() ? array(key) : scalar(key, type(key, type));
  }

  private GgufMetadata.Value scalar(String key, GgufType type) {
    if (type == GgufType.STRING) {
      return new GgufMetadata.Value.Text(text("'" + key + "'", MOST_TEXT));
    }
    if (type == GgufType.FLOAT32) {
      return new GgufMetadata.Value.Real(Float.intBitsToFloat(int32("'" + key + "'")));
    }
    if (type == GgufType.FLOAT64) {
      return new GgufMetadata.Value.Real(Double.longBitsToDouble(int64("'" + key + "'")));
    }
    long value = integer(key, type);
    if (type == GgufType.BOOL) {
      if (value != 0 && value != 1) {
        throw broken("'" + key + "': a truth value must be 0 or 1, was " + value);
      }
      return new GgufMetadata.Value.Bool(value == 1);
    }
    return new GgufMetadata.Value.Int(value);
  }

  private long integer(String key, GgufType type) {
    need(type.bytes(), "'" + key + "'");
    long value =
        switch (type) {
          case UINT8, BOOL -> file.byteAt(position) & 0xffL;
          case INT8 -> file.byteAt(position);
          case UINT16 -> (file.byteAt(position) & 0xff) | (file.byteAt(position + 1) & 0xff) << 8;
          case INT16 -> (file.byteAt(position) & 0xff) | file.byteAt(position + 1) << 8;
          case UINT32 -> file.intAt(position) & 0xffffffffL;
          case INT32 -> file.intAt(position);
          case UINT64, INT64 -> file.longAt(position);
          case FLOAT32, FLOAT64, STRING, ARRAY ->
              throw new IllegalArgumentException(type + " is not an integer");
        };
    if (type == GgufType.UINT64 && value < 0) {
      throw broken("'" + key + "': must be at most 2^63 - 1");
    }
    position += type.bytes();
    return value;
  }

  private GgufMetadata.Value array(String key) {
    GgufType type = type(key, int32("element type of '" + key + "'"));
    long count = elements(key, type);
    if (type == GgufType.STRING) {
      List<String> texts = new ArrayList<>((int) count);
      for (long i = 0; i < count; i++) {
        texts.add(text(new Element(key, i), MOST_TEXT));
      }
      return new GgufMetadata.Value.Texts(List.copyOf(texts));
    }
    if (type.integral()) {
      long[] values = new long[(int) count];
      for (int i = 0; i < values.length; i++) {
        values[i] = integer(key, type);
      }
      return new GgufMetadata.Value.Ints(values);
    }
    skip(key, type, count, 1);
    return new GgufMetadata.Value.Skipped(type.name(), count);
  }

  private void skip(String key, GgufType type, long count, int depth) {
    if (type != GgufType.ARRAY && type != GgufType.STRING) {
      position += count * type.bytes();
      return;
    }
    if (depth > MOST_DEPTH) {
      throw broken("'" + key + "': lists within lists must be at most " + MOST_DEPTH + " deep");
    }
    for (long i = 0; i < count; i++) {
      if (type == GgufType.STRING) {
        position += count("length of '" + key + "'", MOST_TEXT, 1);
        continue;
      }
      GgufType inner = type(key, int32("element type of '" + key + "'"));
      skip(key, inner, elements(key, inner), depth + 1);
    }
  }

  private long elements(String key, GgufType type) {
    long count = count("length of '" + key + "'", elementsLeft, Math.max(1, type.bytes()));
    elementsLeft -= count;
    return count;
  }

  private GgufType type(String key, int code) {
    if (code < 0 || code >= GgufType.values().length) {
      throw broken(
          "'%s': type must be 0 to %d, was %s"
              .formatted(key, GgufType.values().length - 1, Integer.toUnsignedString(code)));
    }
    return GgufType.values()[code];
  }

  private void need(long bytes, Object what) {
    if (bytes > file.size() - position) {
      throw broken(
          "file is truncated at byte %d: expected %d bytes of %s, found %d"
              .formatted(position, bytes, what, file.size() - position));
    }
    if (position + bytes > MOST_HEAD) {
      throw broken("metadata must be at most " + MOST_HEAD + " bytes");
    }
  }
}
