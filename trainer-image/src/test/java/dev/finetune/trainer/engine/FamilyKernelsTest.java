package dev.finetune.trainer.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.reference.FiniteDifferences;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The kernels that only some families need, against their definitions in double precision and
 * finite differences of these.
 */
class FamilyKernelsTest {
  private static final double TOLERANCE = 5e-6;
  private static final double FLOOR = 0.05;
  private static final int TOKENS = 7;
  private static final int WIDTH = 5;

  private final Kernels kernels = TestEngine.kernels(ElementType.F32);
  private final Engine engine = kernels.engine();

  /** Two sequences, so that a window must not reach into a neighbour. */
  @ParameterizedTest
  @CsvSource({"1, 0", "3, 0", "3, 1.5", "0, 1.5", "100, 0"})
  void attentionWithAWindowAndACap(int window, double cap) {
    int heads = 2;
    int size = 4;
    long[] offsets = {0, 2, 9};
    int tokens = 9;
    Random random = new Random(window);
    float[] q = FiniteDifferences.normal(random, tokens * heads * size);
    float[] k = FiniteDifferences.normal(random, tokens * size);
    float[] v = FiniteDifferences.normal(random, tokens * size);
    float[] g = FiniteDifferences.normal(random, tokens * heads * size);
    Kernels.Scores scores = new Kernels.Scores(0.7, cap, window);
    FiniteDifferences.Vector definition =
        (double[]... x) -> attention(x[0], x[1], x[2], heads, size, offsets, scores);
    double[][] inputs = {wide(q), wide(k), wide(v)};
    try (Scope scope = new Scope()) {
      Tensor qs = engine.floats(scope, q, tokens, heads, size);
      Tensor ks = engine.floats(scope, k, tokens, 1, size);
      Tensor vs = engine.floats(scope, v, tokens, 1, size);
      Tensor o = kernels.attention(scope, qs, ks, vs, offsets, scores);
      assertClose("output", o, definition.of(inputs));
      Kernels.AttentionGradients d =
          kernels.attentionBackward(
              scope, engine.floats(scope, g, tokens, heads, size), qs, ks, vs, offsets, scores);
      Tensor[] gradients = {d.q(), d.k(), d.v()};
      for (int i = 0; i < gradients.length; i++) {
        assertClose(
            "gradient " + i,
            gradients[i],
            FiniteDifferences.gradient(definition, wide(g), i, inputs));
      }
    }
  }

  private static double[] attention(
      double[] q,
      double[] k,
      double[] v,
      int heads,
      int size,
      long[] offsets,
      Kernels.Scores scores) {
    double[] o = new double[q.length];
    for (int s = 0; s + 1 < offsets.length; s++) {
      for (int i = (int) offsets[s]; i < offsets[s + 1]; i++) {
        long first =
            scores.window() == 0 ? offsets[s] : Math.max(offsets[s], i - scores.window() + 1);
        for (int head = 0; head < heads; head++) {
          double total = 0;
          int row = (i * heads + head) * size;
          for (int j = (int) first; j <= i; j++) {
            double score = 0;
            for (int c = 0; c < size; c++) {
              score += scores.scale() * q[row + c] * k[j * size + c];
            }
            double cap = scores.softCap();
            double weight = Math.exp(cap == 0 ? score : cap * Math.tanh(score / cap));
            total += weight;
            for (int c = 0; c < size; c++) {
              o[row + c] += weight * v[j * size + c];
            }
          }
          for (int c = 0; c < size; c++) {
            o[row + c] /= total;
          }
        }
      }
    }
    return o;
  }

  @Test
  void geluWithAndWithoutAGate() {
    Random random = new Random(4);
    float[] gate = FiniteDifferences.normal(random, TOKENS * WIDTH);
    float[] up = FiniteDifferences.normal(random, TOKENS * WIDTH);
    float[] g = FiniteDifferences.normal(random, TOKENS * WIDTH);
    double[][] inputs = {wide(gate), wide(up)};
    FiniteDifferences.Vector gated =
        (double[]... x) -> {
          double[] y = gelu(x[0]);
          for (int i = 0; i < y.length; i++) {
            y[i] *= x[1][i];
          }
          return y;
        };
    try (Scope scope = new Scope()) {
      Tensor gates = matrix(scope, gate);
      Tensor ups = matrix(scope, up);
      assertClose("gated", kernels.geglu(scope, gates, ups), gated.of(inputs));
      Kernels.Pair d = kernels.gegluBackward(scope, matrix(scope, g), gates, ups);
      assertClose("gate", d.first(), FiniteDifferences.gradient(gated, wide(g), 0, inputs));
      assertClose("up", d.second(), FiniteDifferences.gradient(gated, wide(g), 1, inputs));
      FiniteDifferences.Vector plain = (double[]... x) -> gelu(x[0]);
      assertClose("plain", kernels.gelu(scope, gates), plain.of(inputs));
      assertClose(
          "gradient",
          kernels.geluBackward(scope, matrix(scope, g), gates),
          FiniteDifferences.gradient(plain, wide(g), 0, inputs));
    }
  }

  private static double[] gelu(double[] x) {
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      double inner = Math.sqrt(2 / Math.PI) * (x[i] + 0.044715 * Math.pow(x[i], 3));
      y[i] = 0.5 * x[i] * (1 + Math.tanh(inner));
    }
    return y;
  }

  @Test
  void layerNorm() {
    Random random = new Random(5);
    float[] x = FiniteDifferences.normal(random, TOKENS * WIDTH);
    float[] g = FiniteDifferences.normal(random, TOKENS * WIDTH);
    float[] weight = FiniteDifferences.normal(random, WIDTH);
    float[] bias = FiniteDifferences.normal(random, WIDTH);
    FiniteDifferences.Vector definition =
        (double[]... in) -> layerNorm(in[0], wide(weight), wide(bias));
    double[][] inputs = {wide(x)};
    try (Scope scope = new Scope()) {
      Tensor xs = matrix(scope, x);
      Tensor ws = engine.floats(scope, weight, WIDTH);
      Tensor bs = engine.floats(scope, bias, WIDTH);
      Kernels.Normalized y = kernels.layerNorm(scope, xs, ws, bs, 1e-3);
      assertClose("output", y.y(), definition.of(inputs));
      assertClose(
          "again", kernels.layerNormAgain(scope, xs, y.inverse(), ws, bs), definition.of(inputs));
      assertClose(
          "gradient",
          kernels.layerNormBackward(scope, matrix(scope, g), xs, y.inverse(), ws),
          FiniteDifferences.gradient(definition, wide(g), 0, inputs));
    }
  }

  private static double[] layerNorm(double[] x, double[] weight, double[] bias) {
    double[] y = new double[x.length];
    for (int start = 0; start < x.length; start += WIDTH) {
      double mean = 0;
      double square = 0;
      for (int i = 0; i < WIDTH; i++) {
        mean += x[start + i] / WIDTH;
      }
      for (int i = 0; i < WIDTH; i++) {
        square += Math.pow(x[start + i] - mean, 2) / WIDTH;
      }
      for (int i = 0; i < WIDTH; i++) {
        y[start + i] = (x[start + i] - mean) / Math.sqrt(square + 1e-3) * weight[i] + bias[i];
      }
    }
    return y;
  }

  /** A part of each head is rotated; turning back and forth changes nothing. */
  @Test
  void rotationOfAPartOfAHead() {
    float[] x = FiniteDifferences.normal(new Random(6), TOKENS * 6);
    float[] cos = new float[TOKENS * 2];
    float[] sin = new float[TOKENS * 2];
    for (int i = 0; i < cos.length; i++) {
      cos[i] = (float) Math.cos(0.3 * i);
      sin[i] = (float) Math.sin(0.3 * i);
    }
    try (Scope scope = new Scope()) {
      Tensor c = engine.floats(scope, cos, TOKENS, 1, 2);
      Tensor s = engine.floats(scope, sin, TOKENS, 1, 2);
      Tensor xs = engine.floats(scope, x, TOKENS, 6);
      Tensor turned = kernels.rotatePart(scope, xs, 1, 6, 4, c, s, 1);
      Tensor back = kernels.rotatePart(scope, turned, 1, 6, 4, c, s, -1);
      assertClose("back", back, wide(x));
      float[] y = turned.toFloats();
      for (int token = 0; token < TOKENS; token++) {
        assertThat(y[token * 6 + 5]).isEqualTo(x[token * 6 + 5]);
        double expected =
            x[token * 6] * (double) cos[token * 2] - x[token * 6 + 2] * (double) sin[token * 2];
        assertThat(Math.abs(y[token * 6] - expected)).isLessThan(TOLERANCE);
      }
    }
  }

  private Tensor matrix(Scope scope, float[] values) {
    return engine.floats(scope, values, TOKENS, WIDTH);
  }

  private static double[] wide(float[] values) {
    return FiniteDifferences.wide(values);
  }

  private static void assertClose(String what, Tensor actual, double[] expected) {
    assertThat(FiniteDifferences.distance(actual.toFloats(), expected, FLOOR))
        .as(what)
        .isLessThan(TOLERANCE);
  }
}
