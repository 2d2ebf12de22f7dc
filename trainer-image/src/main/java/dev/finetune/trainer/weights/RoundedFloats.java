package dev.finetune.trainer.weights;

import dev.finetune.trainer.failure.InvalidConfiguration;
import java.nio.ByteBuffer;

/** Rounds 32-bit floats to narrower types, to the nearest and to even on ties. */
final class RoundedFloats {
  private RoundedFloats() {}

  /**
   * Puts values into a buffer.
   *
   * @param name what the values are, for the message
   * @param type F32, F16 or BF16
   * @throws InvalidConfiguration if half precision cannot hold a value
   */
  static void put(
      String name, ElementType type, float[] values, int start, int end, ByteBuffer buffer) {
    switch (type) {
      case F32 -> {
        for (int i = start; i < end; i++) {
          buffer.putFloat(values[i]);
        }
      }
      case BF16 -> {
        for (int i = start; i < end; i++) {
          buffer.putShort(bfloat16(values[i]));
        }
      }
      case F16 -> {
        for (int i = start; i < end; i++) {
          buffer.putShort(half(name, values[i]));
        }
      }
      case BOOL, U8, I8, F8_E5M2, F8_E4M3, I16, U16, I32, U32, F64, I64, U64 ->
          throw new IllegalArgumentException("expected F32, F16 or BF16, was " + type);
    }
  }

  static short bfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      // Rounding could carry a number that is none into the sign.
      return (short) ((bits >>> 16) | 0x40);
    }
    int even = (bits >>> 16) & 1;
    return (short) ((bits + 0x7fff + even) >>> 16);
  }

  static short half(String name, float value) {
    short half = Float.floatToFloat16(value);
    if (Float.isFinite(value) && !Float.isFinite(Float.float16ToFloat(half))) {
      throw new InvalidConfiguration(
          "%s: fp16 holds numbers up to 65504, found %s: use bf16 or fp32".formatted(name, value));
    }
    return half;
  }
}
