package dev.finetune.trainer.quant;

/**
 * Quantization of the scales themselves, to 8 bits, as bitsandbytes does it.
 *
 * <p>The mean of the scales is taken off; each block of 256 differences is divided by its largest
 * magnitude and stored as the index of the nearest of 256 values of the signed dynamic map.
 *
 * @see <a href="https://arxiv.org/abs/2305.14314">QLoRA, section 3, double quantization</a>
 * @see <a href="https://arxiv.org/abs/1511.04561">8-bit approximations (dynamic trees)</a>
 */
public final class DoubleQuantization {
  /** Scales that share a second scale. */
  public static final int BLOCK = 256;

  private static final float[] MAP = dynamicMap();

  private DoubleQuantization() {}

  /**
   * Quantized scales.
   *
   * @param codes one byte a scale
   * @param absmax second scale, one a block of 256
   * @param offset mean of the scales
   */
  public record Quantized(byte[] codes, float[] absmax, float offset) {}

  /** Returns the 256 values that codes stand for, ascending. */
  public static float[] map() {
    return MAP.clone();
  }

  /**
   * Quantizes scales.
   *
   * @param offset mean of the scales, as libtorch rounds it
   */
  public static Quantized quantize(float[] scales, float offset) {
    byte[] codes = new byte[scales.length];
    float[] absmax = new float[(scales.length + BLOCK - 1) / BLOCK];
    for (int b = 0; b < absmax.length; b++) {
      int start = b * BLOCK;
      int end = Math.min(scales.length, start + BLOCK);
      for (int i = start; i < end; i++) {
        absmax[b] = Math.max(absmax[b], Math.abs(scales[i] - offset));
      }
      float inverse = 1.0f / absmax[b];
      for (int i = start; i < end; i++) {
        codes[i] = (byte) nearest((scales[i] - offset) * inverse);
      }
    }
    return new Quantized(codes, absmax, offset);
  }

  /** Returns the scales that codes stand for. */
  public static float[] dequantize(Quantized quantized) {
    float[] scales = new float[quantized.codes().length];
    for (int i = 0; i < scales.length; i++) {
      float difference = MAP[quantized.codes()[i] & 0xff] * quantized.absmax()[i / BLOCK];
      scales[i] = difference + quantized.offset();
    }
    return scales;
  }

  /** Returns the index of the nearest value of the map, the lower one on ties and for NaN. */
  private static int nearest(float scaled) {
    int low = 0;
    int high = MAP.length - 1;
    if (!(scaled > MAP[0])) {
      return 0;
    }
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (scaled >= MAP[middle]) {
        low = middle;
      } else {
        high = middle;
      }
    }
    // The reciprocal of a denormal scale is infinite; what it scales is the end of the map.
    float clamped = Math.min(scaled, 1);
    return Math.abs(clamped - MAP[high]) < Math.abs(clamped - MAP[low]) ? high : low;
  }

  /**
   * Returns the signed dynamic map with -1 as its lowest value, which is what bitsandbytes' CPU
   * kernel uses in place of the published -0.99297.
   */
  private static float[] dynamicMap() {
    float[] map = DynamicMap.signed();
    map[0] = -1;
    return map;
  }
}
