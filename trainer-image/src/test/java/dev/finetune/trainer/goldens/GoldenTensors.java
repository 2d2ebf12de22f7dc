package dev.finetune.trainer.goldens;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.GZIPInputStream;

/**
 * A safetensors file read by a few lines of its own, so that the tests of the trainer's numbers do
 * not rest on the trainer's reader.
 */
public final class GoldenTensors {
  private final JsonNode header;
  private final ByteBuffer data;

  /** Reads a file, which may be compressed by gzip. */
  public GoldenTensors(Path file) {
    try (InputStream in = open(file)) {
      ByteBuffer bytes = ByteBuffer.wrap(in.readAllBytes()).order(ByteOrder.LITTLE_ENDIAN);
      int length = (int) bytes.getLong();
      byte[] json = new byte[length];
      bytes.get(json);
      header = new ObjectMapper().readTree(json);
      data = bytes.slice().order(ByteOrder.LITTLE_ENDIAN);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static InputStream open(Path file) throws IOException {
    InputStream in = Files.newInputStream(file);
    return file.toString().endsWith(".gz") ? new GZIPInputStream(in) : in;
  }

  /** Returns an entry of the metadata. */
  public String metadata(String key) {
    return header.path("__metadata__").path(key).asText();
  }

  /** Returns the names of the tensors. */
  public List<String> names() {
    List<String> names = new ArrayList<>();
    header.fieldNames().forEachRemaining(names::add);
    names.remove("__metadata__");
    return names;
  }

  /** Returns the shape of a tensor. */
  public long[] shape(String name) {
    JsonNode shape = header.path(name).path("shape");
    long[] sizes = new long[shape.size()];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = shape.get(i).asLong();
    }
    return sizes;
  }

  /** Returns the bytes of a tensor. */
  public byte[] bytes(String name) {
    JsonNode offsets = header.path(name).path("data_offsets");
    byte[] bytes = new byte[offsets.get(1).asInt() - offsets.get(0).asInt()];
    data.get(offsets.get(0).asInt(), bytes);
    return bytes;
  }

  /** Returns whether a tensor is one of 64-bit integers. */
  public boolean isLongs(String name) {
    return header.path(name).path("dtype").asText().equals("I64");
  }

  /** Returns the values of a tensor of 64-bit integers. */
  public long[] longs(String name) {
    ByteBuffer bytes = typed(name, "I64");
    long[] values = new long[bytes.remaining() / Long.BYTES];
    bytes.asLongBuffer().get(values);
    return values;
  }

  /** Returns the values of a tensor of 32-bit floating point or bfloat16 numbers. */
  public float[] floats(String name) {
    if (header.path(name).path("dtype").asText().equals("BF16")) {
      ByteBuffer bytes = typed(name, "BF16");
      float[] values = new float[bytes.remaining() / Short.BYTES];
      for (int i = 0; i < values.length; i++) {
        values[i] = Float.intBitsToFloat(bytes.getShort(i * Short.BYTES) << 16);
      }
      return values;
    }
    ByteBuffer bytes = typed(name, "F32");
    float[] values = new float[bytes.remaining() / Float.BYTES];
    bytes.asFloatBuffer().get(values);
    return values;
  }

  private ByteBuffer typed(String name, String type) {
    String found = header.path(name).path("dtype").asText();
    if (!found.equals(type)) {
      throw new IllegalArgumentException(name + ": expected " + type + ", found '" + found + "'");
    }
    return ByteBuffer.wrap(bytes(name)).order(ByteOrder.LITTLE_ENDIAN);
  }
}
