package dev.finetune.trainer.random;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;

class CounterRandomTest {
  /** The first numbers of SplitMix64 with seed 1234567, as its authors' program prints them. */
  @Test
  void isSplitMix64() {
    long[] expected = {6457827717110365317L, 3203168211198807973L};
    for (int i = 0; i < expected.length; i++) {
      assertThat(CounterRandom.bits(1234567, i)).isEqualTo(expected[i]);
    }
  }

  @Test
  void keysDependOnEveryPartAndOnTheirOrder() {
    Set<Long> keys = new HashSet<>();
    for (int a = 0; a < 30; a++) {
      for (int b = 0; b < 30; b++) {
        keys.add(CounterRandom.key(a, b));
      }
    }
    assertThat(keys).hasSize(900);
  }

  @Test
  void isUniform() {
    double mean = 0;
    for (int i = 0; i < 10_000; i++) {
      double value = CounterRandom.uniform(CounterRandom.key(3), i);
      assertThat(value).isBetween(0.0, 1.0);
      mean += value / 10_000;
    }
    assertThat(mean).isCloseTo(0.5, within(0.01));
  }
}
