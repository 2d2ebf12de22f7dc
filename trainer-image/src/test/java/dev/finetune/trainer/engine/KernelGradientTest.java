package dev.finetune.trainer.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.reference.FiniteDifferences;
import java.util.Arrays;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The kernels of layers against their definitions in double precision: the forward pass itself, and
 * the backward pass against finite differences of the definition.
 */
class KernelGradientTest {
  private static final double TOLERANCE = 5e-6;

  /** A number is at least about this large; what is smaller is compared in absolute terms. */
  private static final double FLOOR = 0.05;

  private final Kernels kernels = TestEngine.kernels(ElementType.F32);
  private final Engine engine = kernels.engine();

  @Property(tries = 30, seed = "11")
  void linear(
      @ForAll @IntRange(min = 1, max = 9) int tokens,
      @ForAll @IntRange(min = 1, max = 19) int in,
      @ForAll @IntRange(min = 1, max = 19) int out) {
    Random random = new Random(31L * tokens + 17L * in + out);
    float[] x = FiniteDifferences.normal(random, tokens * in);
    float[] w = FiniteDifferences.normal(random, out * in);
    float[] g = FiniteDifferences.normal(random, tokens * out);
    double[][] inputs = {wide(x), wide(w)};
    FiniteDifferences.Vector definition = (double[]... a) -> product(a[0], a[1], tokens, in, out);
    try (Scope scope = new Scope()) {
      Tensor weight = engine.floats(scope, w, out, in);
      Tensor y = kernels.linear(scope, engine.floats(scope, x, tokens, in), weight);
      assertClose("y", y, definition.of(inputs));
      Tensor dx = kernels.linearBackward(scope, engine.floats(scope, g, tokens, out), weight);
      assertClose("x", dx, FiniteDifferences.gradient(definition, wide(g), 0, inputs));
    }
  }

  /** Two updates share an input, as those of gate and up do. */
  @Property(tries = 30, seed = "12")
  void lora(
      @ForAll @IntRange(min = 1, max = 7) int tokens,
      @ForAll @IntRange(min = 1, max = 13) int in,
      @ForAll @IntRange(min = 1, max = 13) int out,
      @ForAll @IntRange(min = 1, max = 5) int rank) {
    Random random = new Random(31L * tokens + 17L * in + 7L * out + rank);
    int ranks = rank + 2;
    float[] x = FiniteDifferences.normal(random, tokens * in);
    float[] d = FiniteDifferences.normal(random, tokens * in);
    float[] a = FiniteDifferences.normal(random, ranks * in);
    int[][] columns = {{0, rank}, {rank, ranks}};
    double[][] gradients = new double[2][];
    try (Scope scope = new Scope()) {
      Tensor dropped = engine.floats(scope, d, tokens, in);
      Tensor first = engine.floats(scope, a, ranks, in);
      Tensor low = kernels.loraLow(scope, dropped, first);
      Tensor up = kernels.emptyLike(scope, low);
      for (int i = 0; i < columns.length; i++) {
        int start = columns[i][0];
        int end = columns[i][1];
        double scaling = 1.75 - i;
        float[] w = FiniteDifferences.normal(random, out * in);
        float[] b = FiniteDifferences.normal(random, out * (end - start));
        float[] g = FiniteDifferences.normal(random, tokens * out);
        FiniteDifferences.Vector definition =
            (double[]... p) -> {
              double[] base = product(wide(x), wide(w), tokens, in, out);
              double[] part = Arrays.copyOfRange(p[1], start * in, end * in);
              double[] narrow = product(p[0], part, tokens, in, end - start);
              double[] update = product(narrow, p[2], tokens, end - start, out);
              for (int j = 0; j < base.length; j++) {
                base[j] += scaling * update[j];
              }
              return base;
            };
        double[][] inputs = {wide(d), wide(a), wide(b)};
        Kernels.LowRank update =
            new Kernels.LowRank(
                start, end, engine.floats(scope, b, out, (long) end - start), scaling);
        Tensor y =
            kernels.lora(
                scope,
                engine.floats(scope, x, tokens, in),
                engine.floats(scope, w, out, in),
                low,
                update);
        assertClose("y", y, definition.of(inputs));
        Tensor gradientB = engine.zeros(scope, out, (long) end - start);
        kernels.fill(gradientB, 1);
        kernels.loraUp(up, engine.floats(scope, g, tokens, out), low, update, gradientB);
        double[] expectedB = FiniteDifferences.gradient(definition, wide(g), 2, inputs);
        assertClose("B", gradientB, plus(expectedB, 1));
        for (int which = 0; which < 2; which++) {
          double[] part = FiniteDifferences.gradient(definition, wide(g), which, inputs);
          gradients[which] = gradients[which] == null ? part : plus(gradients[which], part);
        }
      }
      Tensor gradientA = engine.zeros(scope, ranks, in);
      kernels.fill(gradientA, 1);
      kernels.accumulateGradient(gradientA, up, dropped);
      assertClose("A", gradientA, plus(gradients[1], 1));
      Tensor into = engine.zeros(scope, tokens, in);
      kernels.fill(into, 1);
      kernels.accumulateProduct(into, up, first);
      assertClose("d", into, plus(gradients[0], 1));
    }
  }

  /**
   * libtorch's products in bfloat16 are wrong for one column of several. The result must not depend
   * on what was in memory either.
   */
  @ParameterizedTest
  @EnumSource(
      value = ElementType.class,
      names = {"F32", "BF16"})
  void updatesOfRankOneShareAnInput(ElementType type) {
    Kernels precise = TestEngine.kernels(type);
    Random random = new Random(5);
    float[] low = FiniteDifferences.normal(random, 129 * 3);
    float[] g = FiniteDifferences.normal(random, 129 * 37);
    float[] b = FiniteDifferences.normal(random, 37);
    try (Scope scope = new Scope()) {
      Tensor lows = precise.toActivations(scope, engine.floats(scope, low, 129, 3));
      Tensor gs = precise.toActivations(scope, engine.floats(scope, g, 129, 37));
      Tensor bs = precise.toActivations(scope, engine.floats(scope, b, 37, 1));
      Tensor up = precise.emptyLike(scope, lows);
      precise.fill(up, Double.NaN);
      double[] expectedUp = new double[129 * 3];
      for (int column = 0; column < 3; column++) {
        double[] expectedB = new double[37];
        for (int t = 0; t < 129; t++) {
          for (int o = 0; o < 37; o++) {
            expectedUp[t * 3 + column] += 2.0 * g[t * 37 + o] * b[o];
            expectedB[o] += 2.0 * g[t * 37 + o] * low[t * 3 + column];
          }
        }
        Tensor gradientB = engine.zeros(scope, 37, 1);
        precise.loraUp(up, gs, lows, new Kernels.LowRank(column, column + 1, bs, 2), gradientB);
        assertThat(FiniteDifferences.distance(gradientB.toFloats(), expectedB, 0)).isLessThan(1e-2);
      }
      float[] found = precise.toFloat(scope, up).toFloats();
      assertThat(FiniteDifferences.distance(found, expectedUp, 0)).isLessThan(1e-2);
    }
  }

  @Property(tries = 30, seed = "13")
  void rmsNorm(
      @ForAll @IntRange(min = 1, max = 9) int tokens,
      @ForAll @IntRange(min = 1, max = 33) int width) {
    double epsilon = 1e-5;
    Random random = new Random(31L * tokens + width);
    float[] x = FiniteDifferences.normal(random, tokens * width);
    float[] w = FiniteDifferences.normal(random, width);
    float[] g = FiniteDifferences.normal(random, tokens * width);
    double[][] inputs = {wide(x), wide(w)};
    FiniteDifferences.Vector definition =
        (double[]... p) -> {
          double[] y = new double[tokens * width];
          for (int t = 0; t < tokens; t++) {
            double squares = 0;
            for (int i = 0; i < width; i++) {
              squares += Math.pow(p[0][t * width + i], 2);
            }
            double root = Math.sqrt(squares / width + epsilon);
            for (int i = 0; i < width; i++) {
              y[t * width + i] = p[0][t * width + i] / root * p[1][i];
            }
          }
          return y;
        };
    try (Scope scope = new Scope()) {
      Tensor hidden = engine.floats(scope, x, tokens, width);
      Tensor weight = engine.floats(scope, w, width);
      Kernels.Normalized normalized = kernels.rmsNorm(scope, hidden, weight, epsilon);
      assertClose("y", normalized.y(), definition.of(inputs));
      Tensor again = kernels.rmsNormAgain(scope, hidden, normalized.inverse(), weight);
      assertThat(again.toFloats()).isEqualTo(normalized.y().toFloats());
      Tensor dx =
          kernels.rmsNormBackward(
              scope, engine.floats(scope, g, tokens, width), hidden, normalized.inverse(), weight);
      // A width of one is the sign of x, whose slope is what epsilon leaves of it.
      double[] expected = FiniteDifferences.gradient(definition, wide(g), 0, inputs);
      assertClose("x", dx, expected);
      Tensor residual = engine.zeros(scope, tokens, width);
      kernels.fill(residual, 1);
      Tensor added =
          kernels.rmsNormBackward(
              scope,
              residual,
              engine.floats(scope, g, tokens, width),
              hidden,
              normalized.inverse(),
              weight);
      assertClose("x and the residual stream", added, plus(expected, 1));
    }
  }

  @Property(tries = 20, seed = "14")
  void swiglu(@ForAll @IntRange(min = 1, max = 65) int width) {
    Random random = new Random(width);
    float[] gate = FiniteDifferences.normal(random, 3 * width);
    float[] up = FiniteDifferences.normal(random, 3 * width);
    float[] g = FiniteDifferences.normal(random, 3 * width);
    double[][] inputs = {wide(gate), wide(up)};
    double[] wideG = wide(g);
    FiniteDifferences.Vector definition =
        (double[]... p) -> {
          double[] y = new double[p[0].length];
          for (int i = 0; i < y.length; i++) {
            y[i] = p[0][i] / (1 + Math.exp(-p[0][i])) * p[1][i];
          }
          return y;
        };
    try (Scope scope = new Scope()) {
      Tensor first = engine.floats(scope, gate, 3, width);
      Tensor second = engine.floats(scope, up, 3, width);
      assertClose("y", kernels.swiglu(scope, first, second), definition.of(inputs));
      Kernels.Pair gradients =
          kernels.swigluBackward(scope, engine.floats(scope, g, 3, width), first, second);
      assertClose(
          "gate", gradients.first(), FiniteDifferences.gradient(definition, wideG, 0, inputs));
      assertClose(
          "up", gradients.second(), FiniteDifferences.gradient(definition, wideG, 1, inputs));
    }
  }

  @Property(tries = 20, seed = "15")
  void rotate(
      @ForAll @IntRange(min = 1, max = 7) int tokens,
      @ForAll @IntRange(min = 1, max = 5) int heads,
      @ForAll @IntRange(min = 1, max = 8) int half) {
    Random random = new Random(31L * tokens + 17L * heads + half);
    float[] x = FiniteDifferences.normal(random, tokens * heads * 2 * half);
    float[] g = FiniteDifferences.normal(random, x.length);
    float[] cos = new float[tokens * half];
    float[] sin = new float[tokens * half];
    for (int i = 0; i < cos.length; i++) {
      double angle = 10 * random.nextDouble();
      cos[i] = (float) Math.cos(angle);
      sin[i] = (float) Math.sin(angle);
    }
    FiniteDifferences.Vector definition =
        (double[]... p) -> rotated(p[0], cos, sin, tokens, heads, half);
    double[] input = wide(x);
    try (Scope scope = new Scope()) {
      Tensor cosines = engine.floats(scope, cos, tokens, 1, half);
      Tensor sines = engine.floats(scope, sin, tokens, 1, half);
      Tensor flat = engine.floats(scope, x, tokens, 2L * heads * half);
      assertClose(
          "y", kernels.rotate(scope, flat, heads, 2 * half, cosines, sines), definition.of(input));
      Tensor back =
          kernels.rotateBackward(
              scope,
              engine.floats(scope, g, tokens, heads, 2L * half),
              heads,
              2 * half,
              cosines,
              sines);
      assertClose("x", back, FiniteDifferences.gradient(definition, wide(g), 0, input));
    }
  }

  @Property(tries = 20, seed = "16")
  void selectedRowsGoBackToTheirPlaces(
      @ForAll @IntRange(min = 1, max = 40) int tokens,
      @ForAll @IntRange(min = 1, max = 9) int width) {
    Random random = new Random(31L * tokens + width);
    long[] rows =
        random.ints(0, tokens).distinct().limit((tokens + 1) / 2).sorted().asLongStream().toArray();
    float[] x = FiniteDifferences.normal(random, tokens * width);
    float[] g = FiniteDifferences.normal(random, rows.length * width);
    FiniteDifferences.Vector definition =
        (double[]... p) -> {
          double[] y = new double[rows.length * width];
          for (int r = 0; r < rows.length; r++) {
            System.arraycopy(p[0], (int) rows[r] * width, y, r * width, width);
          }
          return y;
        };
    double[] input = wide(x);
    try (Scope scope = new Scope()) {
      Tensor all = engine.floats(scope, x, tokens, width);
      Tensor places = engine.longs(scope, rows);
      assertClose("y", kernels.selectRows(scope, all, places), definition.of(input));
      Tensor back =
          kernels.scatterRows(scope, all, places, engine.floats(scope, g, rows.length, width));
      assertClose("x", back, FiniteDifferences.gradient(definition, wide(g), 0, input));
    }
  }

  private static void assertClose(String what, Tensor actual, double[] expected) {
    assertThat(FiniteDifferences.distance(actual.toFloats(), expected, FLOOR))
        .as(what)
        .isLessThan(TOLERANCE);
  }

  private static double[] wide(float[] values) {
    return FiniteDifferences.wide(values);
  }

  private static double[] plus(double[] x, double... y) {
    double[] sum = x.clone();
    for (int i = 0; i < sum.length; i++) {
      sum[i] += y[i % y.length];
    }
    return sum;
  }

  /** Returns {@code x w'} for x (rows, inner) and w (columns, inner). */
  private static double[] product(double[] x, double[] w, int rows, int inner, int columns) {
    double[] y = new double[rows * columns];
    for (int r = 0; r < rows; r++) {
      for (int c = 0; c < columns; c++) {
        for (int i = 0; i < inner; i++) {
          y[r * columns + c] += x[r * inner + i] * w[c * inner + i];
        }
      }
    }
    return y;
  }

  private static double[] rotated(
      double[] x, float[] cos, float[] sin, int tokens, int heads, int half) {
    double[] y = new double[x.length];
    for (int t = 0; t < tokens; t++) {
      for (int head = 0; head < heads; head++) {
        int start = (t * heads + head) * 2 * half;
        for (int i = 0; i < half; i++) {
          double c = cos[t * half + i];
          double s = sin[t * half + i];
          y[start + i] = x[start + i] * c - x[start + half + i] * s;
          y[start + half + i] = x[start + half + i] * c + x[start + i] * s;
        }
      }
    }
    return y;
  }
}
