package dev.finetune.bench;

import dev.finetune.trainer.lora.LoraAdapter;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.CRC32;

/**
 * The adapter that both sides start from, so that their losses can be compared step by step: A from
 * a formula, uniform within the bounds of LoRA's usual start; B zero.
 *
 * <p>Number k of module m is {@code (h >> 8) / 2^23 - 1}, divided by the root of A's columns, where
 * h is {@code mix(crc32(m) + k * 0x9e3779b9)} in 32 bits, and mix multiplies and shifts.
 */
final class FixedAdapter {
  private static final String A = ".lora_A.weight";

  private FixedAdapter() {}

  /** Overwrites an adapter. */
  static void set(LoraAdapter adapter) {
    Map<String, float[]> values = new LinkedHashMap<>();
    adapter
        .tensors()
        .forEach(
            (name, matrix) -> {
              float[] numbers = matrix.values();
              if (name.endsWith(A)) {
                String module = name.substring(0, name.length() - A.length());
                fill(numbers, module, matrix.shape()[1]);
              }
              values.put(name, numbers);
            });
    adapter.setTensors(values);
  }

  /** Fills A of a module, row by row. */
  static void fill(float[] a, String module, long columns) {
    CRC32 crc = new CRC32();
    crc.update(module.getBytes(StandardCharsets.UTF_8));
    int key = (int) crc.getValue();
    float bound = (float) (1 / Math.sqrt(columns));
    for (int k = 0; k < a.length; k++) {
      float uniform = (mix(key + k * 0x9e3779b9) >>> 8) * 0x1p-23f - 1;
      a[k] = uniform * bound;
    }
  }

  private static int mix(int bits) {
    int x = (bits ^ (bits >>> 16)) * 0x7feb352d;
    x = (x ^ (x >>> 15)) * 0x846ca68b;
    return x ^ (x >>> 16);
  }
}
