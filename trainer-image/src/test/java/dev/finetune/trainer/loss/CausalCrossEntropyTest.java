package dev.finetune.trainer.loss;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.reference.FiniteDifferences;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The loss and its gradient against the definition in double precision, around chunk borders. */
class CausalCrossEntropyTest {
  private static final int WIDTH = 11;
  private static final int VOCABULARY = 37;
  private static final double EPSILON = 1e-5;
  private static final double SCALE = 0.125;
  private static final double TOLERANCE = 2e-6;

  private final Kernels kernels = TestEngine.kernels(ElementType.F32);

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 255, 256, 257, 511, 512, 513})
  void lossAndGradientEqualTheDefinition(int supervised) {
    Random random = new Random(supervised);
    int tokens = 2 * supervised + 3;
    float[] hidden = FiniteDifferences.normal(random, tokens * WIDTH);
    float[] norm = FiniteDifferences.normal(random, WIDTH);
    float[] head = FiniteDifferences.normal(random, VOCABULARY * WIDTH);
    long[] rows = IntStream.range(0, supervised).mapToLong(i -> 2L * i + 1).toArray();
    long[] labels = random.ints(supervised, 0, VOCABULARY).asLongStream().toArray();
    try (Scope scope = new Scope()) {
      Engine engine = kernels.engine();
      Tensor states = engine.floats(scope, hidden, tokens, WIDTH);
      CausalCrossEntropy loss =
          new CausalCrossEntropy(
              kernels,
              engine.floats(scope, norm, WIDTH),
              EPSILON,
              engine.floats(scope, head, VOCABULARY, WIDTH));
      CausalCrossEntropy.Result result = loss.withGradient(scope, states, rows, labels, SCALE);
      assertThat(loss.negativeLogLikelihoods(states, rows, labels))
          .isEqualTo(result.negativeLogLikelihoods());
      double[] nll = new double[supervised];
      double[] gradient = new double[tokens * WIDTH];
      for (int i = 0; i < supervised; i++) {
        int start = (int) rows[i] * WIDTH;
        int label = (int) labels[i];
        double[] row = FiniteDifferences.wide(Arrays.copyOfRange(hidden, start, start + WIDTH));
        FiniteDifferences.Scalar definition =
            (double[]... h) -> negativeLogLikelihood(h[0], norm, head, label);
        nll[i] = definition.of(row);
        double[] slope = FiniteDifferences.gradient(definition, 0, row);
        for (int c = 0; c < WIDTH; c++) {
          gradient[start + c] = SCALE * slope[c];
        }
      }
      assertThat(FiniteDifferences.distance(result.negativeLogLikelihoods(), nll, 0))
          .isLessThan(TOLERANCE);
      assertThat(FiniteDifferences.distance(result.gradient().toFloats(), gradient, 0))
          .isLessThan(TOLERANCE);
    }
  }

  private static double negativeLogLikelihood(double[] h, float[] norm, float[] head, int label) {
    double root = Math.sqrt(FiniteDifferences.dot(h, h) / WIDTH + EPSILON);
    double sum = 0;
    double chosen = 0;
    for (int v = 0; v < VOCABULARY; v++) {
      double logit = 0;
      for (int c = 0; c < WIDTH; c++) {
        logit += h[c] / root * norm[c] * head[v * WIDTH + c];
      }
      sum += Math.exp(logit);
      if (v == label) {
        chosen = logit;
      }
    }
    return Math.log(sum) - chosen;
  }
}
