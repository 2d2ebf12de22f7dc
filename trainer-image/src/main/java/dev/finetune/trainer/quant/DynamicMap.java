package dev.finetune.trainer.quant;

import java.util.Arrays;

/**
 * The 256 values of the dynamic 8-bit data types: for each of 7 exponents the midpoints of evenly
 * spaced fractions from 0.1 to 1, the more of them the larger the exponent; then 0 and 1.
 *
 * @see <a href="https://arxiv.org/abs/1511.04561">8-bit approximations (dynamic trees)</a>
 */
public final class DynamicMap {
  private static final int EXPONENTS = 7;

  private DynamicMap() {}

  /** Returns the values with a sign, ascending; there is 1 but no -1. */
  public static float[] signed() {
    return map(true);
  }

  /** Returns the values from 0 to 1, ascending. */
  public static float[] unsigned() {
    return map(false);
  }

  private static float[] map(boolean signed) {
    float[] map = new float[256];
    int n = 0;
    for (int i = 0; i < EXPONENTS; i++) {
      int intervals = signed ? 1 << i : 2 << i;
      float scale = (float) Math.pow(10, i - (EXPONENTS - 1));
      for (int j = 0; j < intervals; j++) {
        float value = scale * ((fraction(j, intervals) + fraction(j + 1, intervals)) / 2);
        map[n++] = value;
        if (signed) {
          map[n++] = -value;
        }
      }
    }
    map[n++] = 0;
    map[n] = 1;
    Arrays.sort(map);
    return map;
  }

  /** Returns a point of {@code torch.linspace(0.1, 1)}, which counts from the nearer end. */
  private static float fraction(int index, int intervals) {
    float step = (1 - 0.1f) / intervals;
    return index < (intervals + 1) / 2
        ? Math.fma(step, index, 0.1f)
        : Math.fma(-step, intervals - index, 1);
  }

  /**
   * Returns, for each value but the last, the largest number whose nearest value is that one or one
   * below it. On a tie the lower value is the nearest.
   *
   * @param map ascending values
   */
  public static float[] limits(float[] map) {
    float[] limits = new float[map.length - 1];
    for (int i = 0; i < limits.length; i++) {
      // The middle of two floats is exact in 64 bits, but not always a float.
      double middle = ((double) map[i] + map[i + 1]) / 2;
      float rounded = (float) middle;
      limits[i] = rounded > middle ? Math.nextDown(rounded) : rounded;
    }
    return limits;
  }
}
