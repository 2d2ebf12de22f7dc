package dev.finetune.trainer.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.reference.FiniteDifferences;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The loss and its gradient against the definition in double precision, around chunk borders. */
class CausalCrossEntropyTest {
  private static final int WIDTH = 11;
  private static final double EPSILON = 1e-5;
  private static final double SCALE = 0.125;
  private static final double TOLERANCE = 1e-5;

  private final Kernels kernels = TestEngine.kernels(ElementType.F32);

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 255, 256, 257, 511, 512, 513})
  void lossAndGradientEqualTheDefinition(int supervised) {
    check(supervised, 37, 0);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 255, 256, 257})
  void smoothingChangesTheGradientAndNotTheLossThatIsReported(int supervised) {
    check(supervised, 37, 0.2);
  }

  /** A vocabulary of 6,007 takes tiles of 43 rows; the chunk has 256 in both. */
  @ParameterizedTest
  @ValueSource(ints = {42, 43, 44, 257})
  void lossAndGradientEqualTheDefinitionForALargerVocabulary(int supervised) {
    check(supervised, 6007, 0);
    check(supervised, 6007, 0.1);
  }

  /** A vocabulary of 49,999 takes chunks of 160 rows and tiles of 5. */
  @Test
  void lossAndGradientEqualTheDefinitionAcrossChunks() {
    check(163, 49_999, 0.1);
  }

  /** transformers' LabelSmoother in Python, see make_label_smoothing.py. */
  @Test
  void smoothsAsTransformers() {
    GoldenTensors golden = Goldens.tensors("loss/label-smoothing.safetensors");
    long[] shape = golden.shape("hidden");
    int tokens = (int) shape[1];
    long[] all = golden.longs("labels");
    List<Long> rows = new ArrayList<>();
    List<Long> labels = new ArrayList<>();
    for (int place = 0; place < all.length; place++) {
      if (place % tokens + 1 < tokens && all[place + 1] >= 0) {
        rows.add((long) place);
        labels.add(all[place + 1]);
      }
    }
    float[] smoothing = golden.floats("smoothing");
    for (int k = 0; k < smoothing.length; k++) {
      try (Scope scope = new Scope()) {
        Engine engine = kernels.engine();
        CausalCrossEntropy loss =
            new CausalCrossEntropy(
                kernels,
                engine.floats(scope, golden.floats("norm"), golden.shape("norm")),
                EPSILON,
                engine.floats(scope, golden.floats("head"), golden.shape("head")),
                smoothing[k]);
        Objective.Result result =
            loss.withGradient(
                scope,
                engine.floats(scope, golden.floats("hidden"), shape[0] * shape[1], shape[2]),
                rows.stream().mapToLong(Long::longValue).toArray(),
                labels.stream().mapToLong(Long::longValue).toArray(),
                1.0 / rows.size());
        double sum = 0;
        for (float value : result.terms()) {
          sum += value;
        }
        assertThat(sum / rows.size()).isCloseTo(golden.floats("nll")[k], within(1e-5));
        assertThat(Goldens.distance(result.gradient().toFloats(), golden.floats("gradient." + k)))
            .isLessThan(TOLERANCE);
      }
    }
  }

  private void check(int supervised, int vocabulary, double smoothing) {
    Random random = new Random(supervised);
    int tokens = 2 * supervised + 3;
    float[] hidden = FiniteDifferences.normal(random, tokens * WIDTH);
    float[] norm = FiniteDifferences.normal(random, WIDTH);
    float[] head = FiniteDifferences.normal(random, vocabulary * WIDTH);
    long[] rows = IntStream.range(0, supervised).mapToLong(i -> 2L * i + 1).toArray();
    long[] labels = random.ints(supervised, 0, vocabulary).asLongStream().toArray();
    try (Scope scope = new Scope()) {
      Engine engine = kernels.engine();
      Tensor states = engine.floats(scope, hidden, tokens, WIDTH);
      CausalCrossEntropy loss =
          new CausalCrossEntropy(
              kernels,
              engine.floats(scope, norm, WIDTH),
              EPSILON,
              engine.floats(scope, head, vocabulary, WIDTH),
              smoothing);
      Objective.Result result = loss.withGradient(scope, states, rows, labels, SCALE);
      assertThat(loss.negativeLogLikelihoods(states, rows, labels)).isEqualTo(result.terms());
      double[] nll = new double[supervised];
      double[] gradient = new double[tokens * WIDTH];
      for (int i = 0; i < supervised; i++) {
        int start = (int) rows[i] * WIDTH;
        int label = (int) labels[i];
        double[] row = FiniteDifferences.wide(Arrays.copyOfRange(hidden, start, start + WIDTH));
        nll[i] = objective(row, norm, head, label, 0);
        double[] slope =
            FiniteDifferences.gradient(
                (double[]... h) -> objective(h[0], norm, head, label, smoothing), 0, row);
        for (int c = 0; c < WIDTH; c++) {
          gradient[start + c] = SCALE * slope[c];
        }
      }
      assertThat(FiniteDifferences.distance(result.terms(), nll, 0)).isLessThan(TOLERANCE);
      assertThat(FiniteDifferences.distance(result.gradient().toFloats(), gradient, 0))
          .isLessThan(TOLERANCE);
    }
  }

  /** Cross-entropy to a mixture of the label and the uniform distribution. */
  private static double objective(
      double[] h, float[] norm, float[] head, int label, double smoothing) {
    int vocabulary = head.length / WIDTH;
    double root = Math.sqrt(FiniteDifferences.dot(h, h) / WIDTH + EPSILON);
    double sum = 0;
    double expected = 0;
    for (int v = 0; v < vocabulary; v++) {
      double logit = 0;
      for (int c = 0; c < WIDTH; c++) {
        logit += h[c] / root * norm[c] * head[v * WIDTH + c];
      }
      sum += Math.exp(logit);
      expected += (smoothing / vocabulary + (v == label ? 1 - smoothing : 0)) * logit;
    }
    return Math.log(sum) - expected;
  }
}
