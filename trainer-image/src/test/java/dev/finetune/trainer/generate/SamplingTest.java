package dev.finetune.trainer.generate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.finetune.trainer.failure.InvalidConfiguration;
import java.util.Arrays;
import java.util.BitSet;
import org.junit.jupiter.api.Test;

class SamplingTest {
  private static final int DRAWS = 20_000;

  /** Logarithms of the probabilities 0.5, 0.25, 0.15, 0.07 and 0.03, out of order. */
  private static final double[] PROBABILITIES = {0.07, 0.5, 0.03, 0.25, 0.15};

  @Test
  void takesTheLikeliestWithoutTemperatureAndTheLowerIdOnTies() {
    float[] logits = {1, 3, -2, 3};
    assertThat(Sampling.GREEDY.choose(logits, new BitSet(), 0)).isEqualTo(1);
  }

  @Test
  void drawsEachTokenAsOftenAsItIsLikely() {
    double[] shares = shares(new Sampling(1, 0, 1, 1, 7));
    for (int i = 0; i < shares.length; i++) {
      assertThat(shares[i]).isCloseTo(PROBABILITIES[i], within(0.015));
    }
  }

  @Test
  void makesTheDistributionSharperBelowOne() {
    double[] shares = shares(new Sampling(0.5, 0, 1, 1, 7));
    double squares = Arrays.stream(PROBABILITIES).map(p -> p * p).sum();
    assertThat(shares[1]).isCloseTo(0.25 / squares, within(0.015));
  }

  @Test
  void drawsFromTheLikeliestFew() {
    double[] shares = shares(new Sampling(1, 2, 1, 1, 7));
    assertThat(shares[1]).isCloseTo(2 / 3.0, within(0.015));
    assertThat(shares[3]).isCloseTo(1 / 3.0, within(0.015));
  }

  @Test
  void drawsFromTheFewestThatReachTheProbability() {
    // 0.5 + 0.25 is short of 0.8; with 0.15 it is enough.
    double[] shares = shares(new Sampling(1, 0, 0.8, 1, 7));
    assertThat(shares[0] + shares[2]).isZero();
    assertThat(shares[1]).isCloseTo(0.5 / 0.9, within(0.015));
    assertThat(shares(new Sampling(1, 0, 1e-6, 1, 7))[1]).isEqualTo(1);
  }

  @Test
  void takesTheShareOfWhatTheLikeliestFewHave() {
    // Of 0.5 and 0.25 the first has two thirds.
    assertThat(shares(new Sampling(1, 2, 0.66, 1, 7))[1]).isEqualTo(1);
    assertThat(shares(new Sampling(1, 2, 0.67, 1, 7))[3]).isGreaterThan(0.3);
  }

  @Test
  void makesTokensOfTheTextLessLikely() {
    BitSet text = new BitSet();
    text.set(0);
    text.set(2);
    float[] logits = {4, 3, -1, -1.5f};
    Sampling sampling = new Sampling(0, 0, 1, 2, 0);
    assertThat(sampling.choose(logits, text, 0)).isEqualTo(1);
    assertThat(logits).containsExactly(2, 3, -2, -1.5f);
  }

  @Test
  void drawsTheSameForTheSameSeedAndPlace() {
    Sampling sampling = new Sampling(1, 0, 0.95, 1, 3);
    int[] first = new int[50];
    int[] again = new int[50];
    int[] other = new int[50];
    for (int i = 49; i >= 0; i--) {
      first[i] = sampling.choose(logits(), new BitSet(), i);
    }
    for (int i = 0; i < 50; i++) {
      again[i] = sampling.choose(logits(), new BitSet(), i);
      other[i] = new Sampling(1, 0, 0.95, 1, 4).choose(logits(), new BitSet(), i);
    }
    assertThat(again).isEqualTo(first);
    assertThat(other).isNotEqualTo(first);
  }

  @Test
  void namesTheOptionThatIsOutOfItsRange() {
    assertThatThrownBy(() -> new Sampling(-1, 0, 1, 1, 0))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessage("--temperature: must be 0 to 100, was -1");
    assertThatThrownBy(() -> new Sampling(1, 0, 1.5, 1, 0))
        .hasMessage("--top-p: must be above 0 and at most 1, was 1.5");
    assertThatThrownBy(() -> new Sampling(1, -1, 1, 1, 0))
        .hasMessage("--top-k: must be at least 0, was -1");
  }

  private static double[] shares(Sampling sampling) {
    double[] shares = new double[PROBABILITIES.length];
    for (int i = 0; i < DRAWS; i++) {
      shares[sampling.choose(logits(), new BitSet(), i)] += 1.0 / DRAWS;
    }
    for (int i = 0; i < shares.length; i++) {
      shares[i] = shares[i] > 1 - 1e-9 ? 1 : shares[i];
    }
    return shares;
  }

  private static float[] logits() {
    float[] logits = new float[PROBABILITIES.length];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = (float) Math.log(PROBABILITIES[i]);
    }
    return logits;
  }
}
