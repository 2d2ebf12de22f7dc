package dev.finetune.bench;

import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Processor;
import dev.finetune.trainer.engine.ProductRate;
import org.jspecify.annotations.Nullable;

/**
 * The machine's own limit, measured in the same run: floating-point operations a second in products
 * of large matrices.
 *
 * @param rateFp32 in fp32
 * @param rateBf16 in bfloat16, or null where the processor has no instructions for it
 */
record ProductRates(double rateFp32, @Nullable Double rateBf16) {
  private static final int ROUNDS = 5;

  /** Measures both; the best of several rounds. */
  static ProductRates measure(int threads) {
    try (Engine engine = Engine.start(threads)) {
      double fp32 = best(new Kernels(engine, ElementType.F32));
      boolean bfloat16 = Processor.hasBfloat16();
      return new ProductRates(
          fp32, bfloat16 ? (Double) best(new Kernels(engine, ElementType.BF16)) : null);
    }
  }

  private static double best(Kernels kernels) {
    double best = 0;
    for (int round = 0; round < ROUNDS; round++) {
      best = Math.max(best, ProductRate.measure(kernels, ProductRate.THOROUGH));
    }
    return best;
  }

  /** Returns the rate that a configuration could reach, or NaN if it is not known. */
  double of(Configuration configuration) {
    if (configuration.precision() == ElementType.F32) {
      return rateFp32;
    }
    return rateBf16 == null ? Double.NaN : rateBf16;
  }
}
