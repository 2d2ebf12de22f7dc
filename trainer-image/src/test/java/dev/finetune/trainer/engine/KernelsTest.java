package dev.finetune.trainer.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.offset;

import dev.finetune.trainer.goldens.TestEngine;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class KernelsTest {
  /** libtorch's products of one column of a wider matrix are wrong in bfloat16. */
  @ParameterizedTest
  @CsvSource({"300, 24, 1", "64, 576, 1", "17, 53, 1", "1, 9, 1", "300, 24, 2", "64, 576, 5"})
  void gradientsOfUpdatesInBfloat16AreThoseOfFp32(int tokens, int out, int rank) {
    Random random = new Random(7);
    float[] g = values(random, tokens * out);
    float[] low = values(random, tokens * 3 * rank);
    float[] b = values(random, out * rank);
    float[][] wide = upAndGradient(ElementType.F32, g, low, b, tokens, out, rank);
    float[][] narrow = upAndGradient(ElementType.BF16, g, low, b, tokens, out, rank);
    for (int i = 0; i < wide.length; i++) {
      assertThat(narrow[i]).containsExactly(wide[i], offset(0.05f * norm(wide[i])));
    }
  }

  private static float[][] upAndGradient(
      ElementType type, float[] g, float[] low, float[] b, int tokens, int out, int rank) {
    Kernels kernels = TestEngine.kernels(type);
    Engine engine = TestEngine.engine();
    try (Scope scope = new Scope()) {
      Tensor wideG = kernels.toActivations(scope, engine.floats(scope, g, tokens, out));
      Tensor lows = kernels.toActivations(scope, engine.floats(scope, low, tokens, 3L * rank));
      Tensor factor = kernels.toActivations(scope, engine.floats(scope, b, out, rank));
      Tensor up = kernels.emptyLike(scope, lows);
      Tensor gradient = engine.zeros(scope, out, rank);
      for (int start = 0; start < 3 * rank; start += rank) {
        kernels.loraUp(
            up, wideG, lows, new Kernels.LowRank(start, start + rank, factor, 2), gradient);
      }
      return new float[][] {kernels.toFloat(scope, up).toFloats(), gradient.toFloats()};
    }
  }

  private static float[] values(Random random, int count) {
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) random.nextGaussian();
    }
    return values;
  }

  private static float norm(float[] values) {
    double sum = 0;
    for (float value : values) {
      sum += (double) value * value;
    }
    return (float) Math.sqrt(sum / values.length);
  }
}
