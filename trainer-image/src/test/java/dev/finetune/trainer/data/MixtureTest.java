package dev.finetune.trainer.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.failure.InvalidConfiguration;
import java.util.Arrays;
import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class MixtureTest {
  @Property(tries = 200, seed = "1")
  void anEpochTakesOfEachSourceWhatItsWeightSaysAndOverEpochsOfEveryExampleAsMuch(
      @ForAll @IntRange(min = 1, max = 40) int first,
      @ForAll @IntRange(max = 40) int second,
      @ForAll @DoubleRange(min = 0.01, max = 5) double weight,
      @ForAll @IntRange(min = 1, max = 12) int epochs,
      @ForAll boolean shuffle,
      @ForAll long seed) {
    Mixture mixture = mixture(first, second, weight);
    int taken = second == 0 ? 0 : (int) Math.max(1, Math.round(weight * second));
    int[] seen = new int[first + second];
    for (int epoch = 0; epoch < epochs; epoch++) {
      int[] places = mixture.epoch(seed, epoch, shuffle);
      assertThat(places).hasSize(first + taken).hasSize(mixture.epochSize());
      assertThat(Arrays.stream(places).filter(place -> place < first).count()).isEqualTo(first);
      Arrays.stream(places).forEach(place -> seen[place]++);
      assertThat(Arrays.copyOf(seen, first)).containsOnly(epoch + 1);
      int least = Arrays.stream(seen, first, first + second).min().orElse(0);
      int most = Arrays.stream(seen, first, first + second).max().orElse(0);
      assertThat(most - least).isBetween(0, 1);
    }
  }

  @Property(tries = 100, seed = "1")
  void anEpochIsTheSameWhateverWasAskedBefore(
      @ForAll @IntRange(min = 1, max = 30) int first,
      @ForAll @IntRange(min = 1, max = 30) int second,
      @ForAll @DoubleRange(min = 0.01, max = 3) double weight,
      @ForAll @IntRange(max = 50) int epoch) {
    Mixture mixture = mixture(first, second, weight);
    var epochs = mixture.epochs(7, true);
    assertThat(epochs.apply(epoch + 1)).hasSize(mixture.epochSize());
    assertThat(epochs.apply(epoch)).isEqualTo(mixture.epoch(7, epoch, true));
    assertThat(epochs.apply(epoch)).isEqualTo(mixture(first, second, weight).epoch(7, epoch, true));
  }

  @Property(tries = 100, seed = "1")
  void oneSourceIsVisitedInTheOrderThatRunsHadBeforeThereWereMixtures(
      @ForAll @IntRange(min = 1, max = 50) int count,
      @ForAll @IntRange(max = 5) int epoch,
      @ForAll boolean shuffle) {
    assertThat(Mixture.ofOne(count).epoch(3, epoch, shuffle))
        .isEqualTo(ExampleOrder.permutation(3, epoch, count, shuffle));
  }

  @Test
  void withoutShufflingOneSourceFollowsTheOtherAndGoesOnWhereItStopped() {
    Mixture mixture = mixture(2, 3, 0.6);
    assertThat(mixture.epoch(1, 0, false)).containsExactly(0, 1, 2, 3);
    assertThat(mixture.epoch(1, 1, false)).containsExactly(0, 1, 4, 2);
    assertThat(mixture.epoch(1, 2, false)).containsExactly(0, 1, 3, 4);
  }

  @Test
  void passesOverASourceDifferAndDependOnTheSeed() {
    Mixture mixture = mixture(1, 100, 0.5);
    int[] first = of(mixture, 1, 0);
    assertThat(of(mixture, 1, 2)).isNotEqualTo(first);
    assertThat(of(mixture, 2, 0)).isNotEqualTo(first);
    assertThat(of(mixture, 1, 1))
        .doesNotContain(Arrays.stream(first).boxed().toArray(Integer[]::new));
  }

  @Test
  void refusesAnEpochThatHasTooMany() {
    assertThatThrownBy(() -> mixture(1, 100_000_000, 100))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessage(
            "spec.dataset.mixture: an epoch must have at most 268435456 examples, has 10000000001");
  }

  /** Returns which examples of the second source an epoch sees, in ascending order. */
  private static int[] of(Mixture mixture, long seed, int epoch) {
    return Arrays.stream(mixture.epoch(seed, epoch, true))
        .filter(place -> place > 0)
        .sorted()
        .toArray();
  }

  private static Mixture mixture(int first, int second, double weight) {
    return new Mixture(List.of(new Mixture.Part(first, 1), new Mixture.Part(second, weight)));
  }
}
