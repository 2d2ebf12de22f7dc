package dev.finetune.trainer.engine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.reference.FiniteDifferences;
import dev.finetune.trainer.reference.ReferenceAttention;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Attention against a plain one in double precision, at and around the lengths at which a kernel
 * may change its path or the number of its blocks.
 */
class AttentionTest {
  private static final int[] SHORT = {1, 2, 3, 31, 32, 33, 63, 64, 65};
  private static final int[] LONG = {127, 128, 129, 255, 256, 257, 511, 512, 513};
  private static final int[] SIZES = {16, 32, 64, 96};
  private static final double FORWARD = 2e-6;
  private static final double BACKWARD = 5e-6;
  private static final double BF16 = 1.5e-2;

  /** One element of a gradient is at least about this large; a lone token's are zero. */
  private static final double FLOOR = 0.1;

  /** The inputs of attention, and the gradient to its output. */
  private record Inputs(float[] q, float[] k, float[] v, float[] g) {
    static Inputs random(int tokens, int heads, int keyValueHeads, int size, long seed) {
      Random random = new Random(seed);
      return new Inputs(
          FiniteDifferences.normal(random, tokens * heads * size),
          FiniteDifferences.normal(random, tokens * keyValueHeads * size),
          FiniteDifferences.normal(random, tokens * keyValueHeads * size),
          FiniteDifferences.normal(random, tokens * heads * size));
    }

    /** Rounds to bfloat16, so that the reference sees what the kernel sees. */
    Inputs rounded() {
      return new Inputs(rounded(q), rounded(k), rounded(v), rounded(g));
    }

    private static float[] rounded(float[] values) {
      try (Scope scope = new Scope()) {
        Kernels kernels = TestEngine.kernels(ElementType.BF16);
        Tensor wide = kernels.engine().floats(scope, values, values.length);
        return kernels.toFloat(scope, kernels.toActivations(scope, wide)).toFloats();
      }
    }
  }

  /** What the kernels return: output and gradients. */
  private record Results(float[] o, float[] q, float[] k, float[] v) {}

  static List<Arguments> shapes() {
    List<Arguments> shapes = new ArrayList<>();
    for (int i = 0; i < SHORT.length; i++) {
      for (int size : SIZES) {
        shapes.add(Arguments.of(SHORT[i], 1 + i % 3, 1 + (i + size / 16) % 4, size));
      }
    }
    for (int i = 0; i < LONG.length; i++) {
      shapes.add(Arguments.of(LONG[i], 1, 1 + i % 4, SIZES[i % 4]));
      shapes.add(Arguments.of(LONG[i], 1, 1 + (i + 2) % 4, SIZES[(i + 1) % 4]));
    }
    return shapes;
  }

  @ParameterizedTest(name = "{0} tokens, {1} key heads times {2}, size {3}")
  @MethodSource("shapes")
  void equalsThePlainOneForwardAndBackward(int tokens, int keyValueHeads, int repeat, int size) {
    check(new int[] {tokens}, keyValueHeads, repeat, size);
  }

  @Test
  void sequencesOfAllLengthsShareARow() {
    check(new int[] {1, 64, 3, 129, 65, 2, 1, 257, 31}, 2, 3, 16);
    check(new int[] {1, 1, 1}, 1, 4, 32);
    check(new int[] {33, 33, 33, 33}, 3, 1, 64);
  }

  @Test
  void thePlainOneEqualsFiniteDifferences() {
    ReferenceAttention reference = new ReferenceAttention(4, 2, 3, 0, 1, 5);
    Inputs in = Inputs.random(5, 4, 2, 3, 8);
    double[][] x = {
      FiniteDifferences.wide(in.q()), FiniteDifferences.wide(in.k()), FiniteDifferences.wide(in.v())
    };
    double[] g = FiniteDifferences.wide(in.g());
    ReferenceAttention.Gradients d = reference.backward(g, x[0], x[1], x[2]);
    double[][] analytic = {d.q(), d.k(), d.v()};
    for (int which = 0; which < x.length; which++) {
      double[] numeric =
          FiniteDifferences.gradient(
              (double[]... y) -> reference.forward(y[0], y[1], y[2]), g, which, x);
      for (int i = 0; i < numeric.length; i++) {
        assertThat(Math.abs(analytic[which][i] - numeric[i])).isLessThan(1e-8);
      }
    }
  }

  @Test
  void otherTokensOfANeighbourChangeNoBit() {
    for (ElementType type : new ElementType[] {ElementType.F32, ElementType.BF16}) {
      for (int neighbour : new int[] {1, 40, 128, 300}) {
        int[] lengths = {33, neighbour, 200};
        int tokens = IntStream.of(lengths).sum();
        Inputs in = Inputs.random(tokens, 4, 2, 32, 5);
        Inputs other = Inputs.random(tokens, 4, 2, 32, 6);
        Inputs mixed =
            new Inputs(
                replaced(in.q(), other.q(), 33, neighbour, 4 * 32),
                replaced(in.k(), other.k(), 33, neighbour, 2 * 32),
                replaced(in.v(), other.v(), 33, neighbour, 2 * 32),
                replaced(in.g(), other.g(), 33, neighbour, 4 * 32));
        Results expected = run(type, in, lengths, 2, 2, 32);
        Results actual = run(type, mixed, lengths, 2, 2, 32);
        assertOutside(actual.o(), expected.o(), 33, neighbour, 4 * 32);
        assertOutside(actual.q(), expected.q(), 33, neighbour, 4 * 32);
        assertOutside(actual.k(), expected.k(), 33, neighbour, 2 * 32);
        assertOutside(actual.v(), expected.v(), 33, neighbour, 2 * 32);
      }
    }
  }

  @Test
  void theLastTokenAttendsAsInTheWhole() {
    Kernels kernels = TestEngine.kernels(ElementType.F32);
    for (int tokens : new int[] {1, 2, 65, 129, 257}) {
      Inputs in = Inputs.random(tokens, 6, 2, 16, tokens);
      double[] whole =
          new ReferenceAttention(6, 3, 16, 0, tokens)
              .forward(
                  FiniteDifferences.wide(in.q()),
                  FiniteDifferences.wide(in.k()),
                  FiniteDifferences.wide(in.v()));
      int start = (tokens - 1) * 6 * 16;
      try (Scope scope = new Scope()) {
        Engine engine = kernels.engine();
        float[] last = Arrays.copyOfRange(in.q(), start, in.q().length);
        float[] o =
            kernels
                .attendToAll(
                    scope,
                    engine.floats(scope, last, 1, 6, 16),
                    engine.floats(scope, in.k(), tokens, 2, 16),
                    engine.floats(scope, in.v(), tokens, 2, 16),
                    3)
                .toFloats();
        double[] expected = Arrays.copyOfRange(whole, start, whole.length);
        assertThat(FiniteDifferences.distance(o, expected, FLOOR)).isLessThan(FORWARD);
      }
    }
  }

  private static void check(int[] lengths, int keyValueHeads, int repeat, int size) {
    int tokens = IntStream.of(lengths).sum();
    Inputs in = Inputs.random(tokens, keyValueHeads * repeat, keyValueHeads, size, tokens);
    compare(ElementType.F32, in, lengths, keyValueHeads, repeat, size, FORWARD, BACKWARD);
    compare(ElementType.BF16, in.rounded(), lengths, keyValueHeads, repeat, size, BF16, BF16);
  }

  private static void compare(
      ElementType type,
      Inputs in,
      int[] lengths,
      int keyValueHeads,
      int repeat,
      int size,
      double forward,
      double backward) {
    ReferenceAttention reference =
        new ReferenceAttention(keyValueHeads * repeat, repeat, size, offsets(lengths));
    double[] q = FiniteDifferences.wide(in.q());
    double[] k = FiniteDifferences.wide(in.k());
    double[] v = FiniteDifferences.wide(in.v());
    ReferenceAttention.Gradients d = reference.backward(FiniteDifferences.wide(in.g()), q, k, v);
    Results r = run(type, in, lengths, keyValueHeads, repeat, size);
    assertThat(FiniteDifferences.distance(r.o(), reference.forward(q, k, v), FLOOR))
        .as("output in %s", type)
        .isLessThan(forward);
    assertThat(FiniteDifferences.distance(r.q(), d.q(), FLOOR))
        .as("gradient to queries in %s", type)
        .isLessThan(backward);
    assertThat(FiniteDifferences.distance(r.k(), d.k(), FLOOR))
        .as("gradient to keys in %s", type)
        .isLessThan(backward);
    assertThat(FiniteDifferences.distance(r.v(), d.v(), FLOOR))
        .as("gradient to values in %s", type)
        .isLessThan(backward);
  }

  private static Results run(
      ElementType type, Inputs in, int[] lengths, int keyValueHeads, int repeat, int size) {
    Kernels kernels = TestEngine.kernels(type);
    int tokens = IntStream.of(lengths).sum();
    long[] offsets = offsets(lengths);
    int heads = keyValueHeads * repeat;
    try (Scope scope = new Scope()) {
      Tensor q = activations(kernels, scope, in.q(), tokens, heads, size);
      Tensor k = activations(kernels, scope, in.k(), tokens, keyValueHeads, size);
      Tensor v = activations(kernels, scope, in.v(), tokens, keyValueHeads, size);
      Tensor g = activations(kernels, scope, in.g(), tokens, heads, size);
      Tensor o = kernels.attention(scope, q, k, v, offsets);
      Kernels.AttentionGradients d = kernels.attentionBackward(scope, g, q, k, v, offsets);
      return new Results(
          kernels.toFloat(scope, o).toFloats(),
          kernels.toFloat(scope, d.q()).toFloats(),
          kernels.toFloat(scope, d.k()).toFloats(),
          kernels.toFloat(scope, d.v()).toFloats());
    }
  }

  private static Tensor activations(
      Kernels kernels, Scope scope, float[] values, int tokens, int heads, int size) {
    Tensor wide = kernels.engine().floats(scope, values, tokens, heads, size);
    return kernels.toActivations(scope, wide);
  }

  private static long[] offsets(int[] lengths) {
    long[] offsets = new long[lengths.length + 1];
    for (int i = 0; i < lengths.length; i++) {
      offsets[i + 1] = offsets[i] + lengths[i];
    }
    return offsets;
  }

  private static float[] replaced(float[] values, float[] others, int start, int count, int width) {
    float[] replaced = values.clone();
    System.arraycopy(others, start * width, replaced, start * width, count * width);
    return replaced;
  }

  private static void assertOutside(
      float[] actual, float[] expected, int start, int count, int width) {
    int end = (start + count) * width;
    assertThat(Arrays.copyOf(actual, start * width))
        .isEqualTo(Arrays.copyOf(expected, start * width));
    assertThat(Arrays.copyOfRange(actual, end, actual.length))
        .isEqualTo(Arrays.copyOfRange(expected, end, expected.length));
  }
}
