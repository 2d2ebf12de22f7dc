package dev.finetune.trainer.loss;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.LoraModule;
import dev.finetune.trainer.reference.FiniteDifferences;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The divergence and its gradient against torch, and against the definition in double. */
class DivergenceTest {
  private static final int WIDTH = 7;
  private static final double EPSILON = 1e-5;
  private static final double SCALE = 0.125;
  private static final double TOLERANCE = 1e-5;

  private final Kernels kernels = TestEngine.kernels(ElementType.F32);
  private final Engine engine = kernels.engine();

  /** torch's autograd in double precision, see make_divergence.py. */
  @Test
  void equalsTorchWithAnUpdateOfTheOutputLayerAndATrainedNorm() {
    GoldenTensors golden = Goldens.tensors("loss/divergence.safetensors");
    try (Scope scope = new Scope()) {
      LoraModule update =
          new LoraModule(
              "lm_head",
              tensor(scope, golden, "a"),
              tensor(scope, golden, "b"),
              zeros(scope, golden, "a"),
              zeros(scope, golden, "b"),
              2,
              null);
      Tensor gradientNorm = zeros(scope, golden, "norm");
      Tensor gradientHead = zeros(scope, golden, "head");
      CausalCrossEntropy tuned =
          new CausalCrossEntropy(
              kernels,
              tensor(scope, golden, "norm"),
              EPSILON,
              tensor(scope, golden, "head"),
              0,
              new CausalCrossEntropy.Trained(gradientNorm, gradientHead, update));
      CausalCrossEntropy base =
          new CausalCrossEntropy(
              kernels,
              tensor(scope, golden, "baseNorm"),
              EPSILON,
              tensor(scope, golden, "baseHead"));
      Divergence divergence = new Divergence(kernels, tuned, base);
      long[] rows = golden.longs("rows");
      Tensor gradient = zeros(scope, golden, "hidden");
      Tensor states = divergence.baseStates(scope, tensor(scope, golden, "base"), rows);
      float[] values =
          divergence.addGradient(gradient, tensor(scope, golden, "hidden"), rows, states, SCALE);
      assertThat(Goldens.distance(values, golden.floats("kl"))).isLessThan(TOLERANCE);
      assertGradient(golden, "hidden", gradient);
      assertGradient(golden, "norm", gradientNorm);
      assertGradient(golden, "head", gradientHead);
      assertGradient(golden, "a", update.gradientA());
      assertGradient(golden, "b", update.gradientB());
    }
  }

  private static void assertGradient(GoldenTensors golden, String name, Tensor actual) {
    assertThat(Goldens.distance(actual.toFloats(), golden.floats("gradient." + name)))
        .as(name)
        .isLessThan(TOLERANCE);
  }

  private Tensor tensor(Scope scope, GoldenTensors golden, String name) {
    return engine.floats(scope, golden.floats(name), golden.shape(name));
  }

  private Tensor zeros(Scope scope, GoldenTensors golden, String name) {
    return engine.floats(scope, new float[golden.floats(name).length], golden.shape(name));
  }

  /** A vocabulary of 6,007 takes tiles of 43 rows and chunks of 256. */
  @ParameterizedTest
  @CsvSource({"1, 37", "2, 37", "256, 37", "257, 37", "42, 6007", "43, 6007", "87, 6007"})
  void equalsTheDefinitionAroundTilesAndChunks(int places, int vocabulary) {
    Random random = new Random(places);
    int tokens = 2 * places + 1;
    float[] hidden = FiniteDifferences.normal(random, tokens * WIDTH);
    float[] other = FiniteDifferences.normal(random, tokens * WIDTH);
    float[] norm = FiniteDifferences.normal(random, WIDTH);
    float[] head = FiniteDifferences.normal(random, vocabulary * WIDTH);
    long[] rows = IntStream.range(0, places).mapToLong(i -> 2L * i + 1).toArray();
    try (Scope scope = new Scope()) {
      CausalCrossEntropy output =
          new CausalCrossEntropy(
              kernels,
              engine.floats(scope, norm, WIDTH),
              EPSILON,
              engine.floats(scope, head, vocabulary, WIDTH));
      Divergence divergence = new Divergence(kernels, output, output);
      Tensor states = engine.floats(scope, other, tokens, WIDTH);
      Tensor gradient = engine.floats(scope, new float[tokens * WIDTH], tokens, WIDTH);
      float[] values =
          divergence.addGradient(
              gradient,
              engine.floats(scope, hidden, tokens, WIDTH),
              rows,
              divergence.baseStates(scope, states, rows),
              SCALE);
      double[] expected = new double[places];
      double[] slopes = new double[tokens * WIDTH];
      for (int i = 0; i < places; i++) {
        int start = (int) rows[i] * WIDTH;
        double[] base = row(other, start);
        double[] tuned = row(hidden, start);
        expected[i] = definition(tuned, base, norm, head);
        double[] slope =
            FiniteDifferences.gradient(
                (double[]... h) -> definition(h[0], base, norm, head), 0, tuned);
        for (int c = 0; c < WIDTH; c++) {
          slopes[start + c] = SCALE * slope[c];
        }
      }
      assertThat(FiniteDifferences.distance(values, expected, 0)).isLessThan(TOLERANCE);
      assertThat(FiniteDifferences.distance(gradient.toFloats(), slopes, 0)).isLessThan(TOLERANCE);
    }
  }

  @Test
  void isNothingWhileTheModelsAreTheSameAndAddsToTheGradientThatIsThere() {
    Random random = new Random(4);
    float[] hidden = FiniteDifferences.normal(random, 3 * WIDTH);
    float[] before = FiniteDifferences.normal(random, 3 * WIDTH);
    long[] rows = {0, 2};
    try (Scope scope = new Scope()) {
      CausalCrossEntropy output =
          new CausalCrossEntropy(
              kernels,
              engine.floats(scope, FiniteDifferences.normal(random, WIDTH), WIDTH),
              EPSILON,
              engine.floats(scope, FiniteDifferences.normal(random, 19 * WIDTH), 19, WIDTH));
      Divergence divergence = new Divergence(kernels, output, output);
      Tensor states = engine.floats(scope, hidden, 3, WIDTH);
      Tensor gradient = engine.floats(scope, before, 3, WIDTH);
      float[] values =
          divergence.addGradient(
              gradient, states, rows, divergence.baseStates(scope, states, rows), 10);
      assertThat(values).containsOnly(0f);
      assertThat(gradient.toFloats()).isEqualTo(before);
    }
  }

  private static double[] row(float[] values, int start) {
    return FiniteDifferences.wide(Arrays.copyOfRange(values, start, start + WIDTH));
  }

  private static double definition(double[] tuned, double[] base, float[] norm, float[] head) {
    double[] q = logProbabilities(tuned, norm, head);
    double[] p = logProbabilities(base, norm, head);
    double sum = 0;
    for (int v = 0; v < p.length; v++) {
      sum += Math.exp(p[v]) * (p[v] - q[v]);
    }
    return sum;
  }

  private static double[] logProbabilities(double[] h, float[] norm, float[] head) {
    double[] logits = new double[head.length / WIDTH];
    double root = Math.sqrt(FiniteDifferences.dot(h, h) / WIDTH + EPSILON);
    double sum = 0;
    for (int v = 0; v < logits.length; v++) {
      for (int c = 0; c < WIDTH; c++) {
        logits[v] += h[c] / root * norm[c] * head[v * WIDTH + c];
      }
      sum += Math.exp(logits[v]);
    }
    for (int v = 0; v < logits.length; v++) {
      logits[v] -= Math.log(sum);
    }
    return logits;
  }
}
