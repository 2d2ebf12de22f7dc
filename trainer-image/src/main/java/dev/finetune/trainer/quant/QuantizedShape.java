package dev.finetune.trainer.quant;

import dev.finetune.api.spec.Quantization;
import java.util.Map;
import java.util.TreeMap;

/**
 * Sizes of the tensors that an {@link Nf4Weight} is made of.
 *
 * @param rows of the weight
 * @param columns of the weight
 * @param block weights that share a scale
 */
public record QuantizedShape(long rows, long columns, int block) {
  /** Two codes a byte, whole blocks. */
  public static final String PACKED = "packed";

  /** A scale a block, in 32 bits. */
  public static final String ABSMAX = "absmax";

  /** A scale a block, in 8 bits, whole blocks of 256. */
  public static final String CODES = "absmax.codes";

  /** A scale for 256 scales, in 32 bits. */
  public static final String NESTED = "absmax.absmax";

  /** The mean of the scales. */
  public static final String OFFSET = "absmax.offset";

  long scales() {
    return (Math.multiplyExact(rows, columns) + block - 1) / block;
  }

  long packed() {
    return scales() * (block / 2);
  }

  long nested() {
    return (scales() + DoubleQuantization.BLOCK - 1) / DoubleQuantization.BLOCK;
  }

  long codes() {
    return nested() * DoubleQuantization.BLOCK;
  }

  /** Returns the number of bytes of each tensor of bytes, by name. */
  public Map<String, Long> bytes(Quantization quantization) {
    return quantization.doubleQuantization()
        ? new TreeMap<>(Map.of(PACKED, packed(), CODES, codes()))
        : new TreeMap<>(Map.of(PACKED, packed()));
  }

  /** Returns the number of elements of each tensor of 32-bit floats, by name. */
  public Map<String, Long> floats(Quantization quantization) {
    return quantization.doubleQuantization()
        ? new TreeMap<>(Map.of(NESTED, nested(), OFFSET, 1L))
        : new TreeMap<>(Map.of(ABSMAX, scales()));
  }
}
