package dev.finetune.trainer.weights;

import java.nio.ByteBuffer;

/**
 * Types that tensors of a GGUF file can be written in.
 *
 * <p>Codes and scales of the quantized ones are ggml's reference, bit for bit: {@code Q8_0} divides
 * by the largest magnitude over 127 and rounds halves away from zero; {@code Q4_0} divides by the
 * value of the largest magnitude, with its sign, over -8.
 */
public enum BlockEncoder {
  F32(0, 0, 1, 4),
  F16(1, 1, 1, 2),
  Q4_0(2, 2, 32, 18),
  Q8_0(8, 7, 32, 34);

  private final int code;
  private final int fileType;
  private final int elements;
  private final int bytes;

  BlockEncoder(int code, int fileType, int elements, int bytes) {
    this.code = code;
    this.fileType = fileType;
    this.elements = elements;
    this.bytes = bytes;
  }

  /** Returns the code of the type in GGUF. */
  int code() {
    return code;
  }

  /**
   * Returns what {@code general.file_type} says of a file whose tensors are mostly of this type.
   */
  public int fileType() {
    return fileType;
  }

  /** Returns the number of elements in a block, of which rows must be a multiple. */
  public int elements() {
    return elements;
  }

  /** Returns the number of bytes of a block. */
  public int bytes() {
    return bytes;
  }

  /**
   * Encodes a block.
   *
   * @param name what the values are, for the message
   * @throws dev.finetune.trainer.failure.InvalidConfiguration if half precision cannot hold a value
   *     or a scale
   */
  void encode(String name, float[] in, int start, ByteBuffer out) {
    switch (this) {
      case F32 -> out.putFloat(in[start]);
      case F16 -> out.putShort(RoundedFloats.half(name, in[start]));
      case Q4_0 -> fourBits(name, in, start, out);
      case Q8_0 -> eightBits(name, in, start, out);
    }
  }

  private static void eightBits(String name, float[] in, int start, ByteBuffer out) {
    float largest = 0;
    for (int i = start; i < start + 32; i++) {
      largest = Math.max(largest, Math.abs(in[i]));
    }
    float scale = largest / 127;
    float inverse = scale == 0 ? 0 : 1 / scale;
    out.putShort(RoundedFloats.half(name, scale));
    for (int i = start; i < start + 32; i++) {
      out.put((byte) halfAway(in[i] * inverse));
    }
  }

  /** Rounds to the nearest integer, halves away from zero. */
  private static int halfAway(float value) {
    float size = Math.abs(value);
    float floor = (float) Math.floor(size);
    int rounded = (int) (floor + (float) Math.floor(2 * (size - floor)));
    return value < 0 ? -rounded : rounded;
  }

  private static void fourBits(String name, float[] in, int start, ByteBuffer out) {
    float largest = 0;
    for (int i = start; i < start + 32; i++) {
      if (Math.abs(in[i]) > Math.abs(largest)) {
        largest = in[i];
      }
    }
    float scale = largest / -8;
    float inverse = scale == 0 ? 0 : 1 / scale;
    out.putShort(RoundedFloats.half(name, scale));
    for (int i = start; i < start + 16; i++) {
      int low = Math.min(15, (int) (in[i] * inverse + 8.5f));
      int high = Math.min(15, (int) (in[i + 16] * inverse + 8.5f));
      out.put((byte) (low | high << 4));
    }
  }
}
