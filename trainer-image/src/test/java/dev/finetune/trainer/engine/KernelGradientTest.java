package dev.finetune.trainer.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.reference.FiniteDifferences;
import java.util.Random;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

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
    double[][] inputs = {FiniteDifferences.wide(x), FiniteDifferences.wide(w)};
    FiniteDifferences.Vector definition = (double[]... a) -> product(a[0], a[1], tokens, in, out);
    try (Scope scope = new Scope()) {
      Tensor weight = engine.floats(scope, w, out, in);
      Tensor y = kernels.linear(scope, engine.floats(scope, x, tokens, in), weight);
      assertClose("y", y, definition.of(inputs));
      Tensor dx = kernels.linearBackward(scope, engine.floats(scope, g, tokens, out), weight);
      assertClose(
          "x", dx, FiniteDifferences.gradient(definition, FiniteDifferences.wide(g), 0, inputs));
    }
  }

  @Property(tries = 30, seed = "12")
  void lora(
      @ForAll @IntRange(min = 1, max = 7) int tokens,
      @ForAll @IntRange(min = 1, max = 13) int in,
      @ForAll @IntRange(min = 1, max = 13) int out,
      @ForAll @IntRange(min = 1, max = 5) int rank) {
    double scaling = 1.75;
    Random random = new Random(31L * tokens + 17L * in + 7L * out + rank);
    float[] x = FiniteDifferences.normal(random, tokens * in);
    float[] w = FiniteDifferences.normal(random, out * in);
    float[] d = FiniteDifferences.normal(random, tokens * in);
    float[] a = FiniteDifferences.normal(random, rank * in);
    float[] b = FiniteDifferences.normal(random, out * rank);
    float[] g = FiniteDifferences.normal(random, tokens * out);
    double[] base = product(FiniteDifferences.wide(x), FiniteDifferences.wide(w), tokens, in, out);
    FiniteDifferences.Vector definition =
        (double[]... p) -> {
          double[] low = product(p[0], p[1], tokens, in, rank);
          double[] up = product(low, p[2], tokens, rank, out);
          for (int i = 0; i < up.length; i++) {
            up[i] = base[i] + scaling * up[i];
          }
          return up;
        };
    double[][] inputs = {
      FiniteDifferences.wide(d), FiniteDifferences.wide(a), FiniteDifferences.wide(b)
    };
    double[] wideG = FiniteDifferences.wide(g);
    try (Scope scope = new Scope()) {
      Tensor dropped = engine.floats(scope, d, tokens, in);
      Tensor first = engine.floats(scope, a, rank, in);
      Tensor second = engine.floats(scope, b, out, rank);
      Kernels.Adapted adapted =
          kernels.lora(
              scope,
              engine.floats(scope, x, tokens, in),
              dropped,
              engine.floats(scope, w, out, in),
              first,
              second,
              scaling);
      assertClose("y", adapted.y(), definition.of(inputs));
      Tensor into = engine.zeros(scope, tokens, in);
      Kernels.Pair gradients =
          kernels.loraBackward(
              scope,
              into,
              engine.floats(scope, g, tokens, out),
              dropped,
              adapted.low(),
              first,
              second,
              scaling);
      assertClose("d", into, FiniteDifferences.gradient(definition, wideG, 0, inputs));
      assertClose("A", gradients.first(), FiniteDifferences.gradient(definition, wideG, 1, inputs));
      assertClose(
          "B", gradients.second(), FiniteDifferences.gradient(definition, wideG, 2, inputs));
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
    double[][] inputs = {FiniteDifferences.wide(x), FiniteDifferences.wide(w)};
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
      assertClose(
          "x", dx, FiniteDifferences.gradient(definition, FiniteDifferences.wide(g), 0, inputs));
    }
  }

  @Property(tries = 20, seed = "14")
  void swiglu(@ForAll @IntRange(min = 1, max = 65) int width) {
    Random random = new Random(width);
    float[] gate = FiniteDifferences.normal(random, 3 * width);
    float[] up = FiniteDifferences.normal(random, 3 * width);
    float[] g = FiniteDifferences.normal(random, 3 * width);
    double[][] inputs = {FiniteDifferences.wide(gate), FiniteDifferences.wide(up)};
    double[] wideG = FiniteDifferences.wide(g);
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
    double[] input = FiniteDifferences.wide(x);
    try (Scope scope = new Scope()) {
      Tensor cosines = engine.floats(scope, cos, tokens, 1, half);
      Tensor sines = engine.floats(scope, sin, tokens, 1, half);
      Tensor flat = engine.floats(scope, x, tokens, 2L * heads * half);
      assertClose(
          "y", kernels.rotate(scope, flat, heads, 2 * half, cosines, sines), definition.of(input));
      Tensor back =
          kernels.rotate(
              scope,
              engine.floats(scope, g, tokens, heads, 2L * half),
              heads,
              2 * half,
              cosines,
              kernels.negate(scope, sines));
      assertClose(
          "x", back, FiniteDifferences.gradient(definition, FiniteDifferences.wide(g), 0, input));
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
    double[] input = FiniteDifferences.wide(x);
    try (Scope scope = new Scope()) {
      Tensor all = engine.floats(scope, x, tokens, width);
      Tensor places = engine.longs(scope, rows);
      assertClose("y", kernels.selectRows(scope, all, places), definition.of(input));
      Tensor back =
          kernels.scatterRows(scope, all, places, engine.floats(scope, g, rows.length, width));
      assertClose(
          "x", back, FiniteDifferences.gradient(definition, FiniteDifferences.wide(g), 0, input));
    }
  }

  private static void assertClose(String what, Tensor actual, double[] expected) {
    assertThat(FiniteDifferences.distance(actual.toFloats(), expected, FLOOR))
        .as(what)
        .isLessThan(TOLERANCE);
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
