package dev.finetune.trainer.quant;

import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;

/**
 * The four weights that each pair of packed bytes stands for, so that one look-up dequantizes four
 * weights, and the 256 values of double quantization. Shared by all weights of a model.
 */
public final class Nf4Table implements AutoCloseable {
  private static final int PAIRS = 1 << 16;

  private final Scope scope = new Scope();
  private final Tensor fours;
  private final Tensor nested;

  /** Builds the tables. */
  public Nf4Table(Engine engine) {
    float[] values = new float[PAIRS * 4];
    for (int index = 0; index < PAIRS; index++) {
      // Kernels read two bytes as a signed little-endian number and add 32768 to it.
      int pair = (index - (PAIRS >> 1)) & 0xffff;
      int first = pair & 0xff;
      int second = pair >> 8;
      values[index * 4] = Nf4.value(first >> 4);
      values[index * 4 + 1] = Nf4.value(first & 0xf);
      values[index * 4 + 2] = Nf4.value(second >> 4);
      values[index * 4 + 3] = Nf4.value(second & 0xf);
    }
    fours = engine.floats(scope, values, PAIRS, 4);
    float[] map = DoubleQuantization.map();
    nested = engine.floats(scope, map, map.length);
  }

  Tensor fours() {
    return fours;
  }

  Tensor nested() {
    return nested;
  }

  @Override
  public void close() {
    scope.close();
  }
}
