package dev.finetune.trainer.quant;

import java.util.Arrays;

/**
 * Block-wise quantization to 4-bit NormalFloat in plain Java, byte for byte as bitsandbytes does it
 * on a CPU.
 *
 * <p>A weight is divided by the largest magnitude of its block (absmax) and stored as the index of
 * the nearest of 16 values; on ties the lower index. Two weights share a byte, the first in the
 * high half.
 *
 * @see <a href="https://arxiv.org/abs/2305.14314">QLoRA, section 3</a>
 */
public final class Nf4 {
  /** The 16 values of the data type, QLoRA appendix E; ascending. */
  private static final float[] VALUES = {
    -1.0f,
    -0.6961928009986877f,
    -0.5250730514526367f,
    -0.39491748809814453f,
    -0.28444138169288635f,
    -0.18477343022823334f,
    -0.09105003625154495f,
    0.0f,
    0.07958029955625534f,
    0.16093020141124725f,
    0.24611230194568634f,
    0.33791524171829224f,
    0.44070982933044434f,
    0.5626170039176941f,
    0.7229568362236023f,
    1.0f
  };

  private static final int HALF_CELLS = 256;
  private static final byte[] CODES = new byte[2 * HALF_CELLS + 1];
  private static final float[] BOUNDS = new float[2 * HALF_CELLS + 1];

  static {
    fillCells();
  }

  private Nf4() {}

  /** Returns the value of a code, 0 to 15. */
  public static float value(int code) {
    return VALUES[code];
  }

  /**
   * Quantized weights.
   *
   * @param packed two codes a byte, {@code (count + 1) / 2} bytes
   * @param absmax scale of each block
   * @param count number of weights
   */
  public record Quantized(byte[] packed, float[] absmax, int count) {}

  /**
   * Quantizes weights in row-major order.
   *
   * @param block weights that share a scale, even; the last block may be shorter
   */
  public static Quantized quantize(float[] weights, int block) {
    byte[] packed = new byte[(weights.length + 1) / 2];
    float[] absmax = new float[(weights.length + block - 1) / block];
    for (int b = 0; b < absmax.length; b++) {
      int start = b * block;
      int end = Math.min(weights.length, start + block);
      absmax[b] = largestMagnitude(weights, start, end);
      quantizeBlock(weights, start, end, absmax[b], packed);
    }
    return new Quantized(packed, absmax, weights.length);
  }

  /** Returns the weights that codes and scales stand for. */
  public static float[] dequantize(Quantized quantized, int block) {
    float[] weights = new float[quantized.count()];
    for (int i = 0; i < weights.length; i++) {
      int pair = quantized.packed()[i / 2];
      int code = (i % 2 == 0 ? pair >> 4 : pair) & 0xf;
      weights[i] = VALUES[code] * quantized.absmax()[i / block];
    }
    return weights;
  }

  private static float largestMagnitude(float[] weights, int start, int end) {
    float largest = 0;
    for (int i = start; i < end; i++) {
      largest = Math.max(largest, Math.abs(weights[i]));
    }
    return largest;
  }

  private static void quantizeBlock(
      float[] weights, int start, int end, float absmax, byte[] packed) {
    float inverse = 1.0f / absmax;
    for (int i = start; i < end; i += 2) {
      int high = code(weights[i] * inverse);
      int low = i + 1 < end ? code(weights[i + 1] * inverse) : 0;
      packed[i / 2] = (byte) (high << 4 | low);
    }
  }

  /**
   * Returns the index of the nearest value, the lower one on ties. A block of zeros divides by
   * zero; every comparison with its NaN is false, which gives code 0, as bitsandbytes has it.
   */
  static int code(float scaled) {
    // A cast turns NaN into 0 and what is too large into the largest integer.
    int cell = Math.min(Math.max((int) (scaled * HALF_CELLS + HALF_CELLS), 0), 2 * HALF_CELLS);
    int code = CODES[cell];
    return scaled >= BOUNDS[cell] ? code + 1 : code;
  }

  /**
   * Returns what {@link #code} must: the nearest of the two values around, by comparing distances
   * as they round in 32 bits. Slower; the tables are made of it.
   */
  static int nearest(float scaled) {
    int low = 0;
    for (int step = 8; step > 0; step >>= 1) {
      if (scaled >= VALUES[low + step]) {
        low += step;
      }
    }
    if (low == VALUES.length - 1) {
      return low;
    }
    float clamped = Math.max(scaled, VALUES[0]);
    return Math.abs(clamped - VALUES[low + 1]) < Math.abs(clamped - VALUES[low]) ? low + 1 : low;
  }

  /**
   * Cuts the range of scaled weights into cells, none of which holds more than one bound between
   * two codes: the lower code of each cell, and its bound.
   */
  private static void fillCells() {
    // No number, infinity neither, reaches a bound that is not one.
    Arrays.fill(BOUNDS, Float.NaN);
    for (int code = 1; code < VALUES.length; code++) {
      float bound = leastOf(code);
      int cell = (int) (bound * HALF_CELLS + HALF_CELLS);
      if (!Float.isNaN(BOUNDS[cell])) {
        throw new IllegalStateException("two bounds of NF4 in one cell");
      }
      BOUNDS[cell] = bound;
      Arrays.fill(CODES, cell + 1, CODES.length, (byte) code);
    }
  }

  /** Returns the least number of a code, which lies between its value and the one below. */
  private static float leastOf(int code) {
    float below = VALUES[code - 1];
    float least = VALUES[code];
    while (Math.nextUp(below) < least) {
      float middle = below + (least - below) / 2;
      middle = middle == below ? Math.nextUp(below) : middle;
      if (nearest(middle) >= code) {
        least = middle;
      } else {
        below = middle;
      }
    }
    return least;
  }
}
