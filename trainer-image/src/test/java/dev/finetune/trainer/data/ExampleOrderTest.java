package dev.finetune.trainer.data;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.function.IntFunction;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class ExampleOrderTest {
  @Property
  void visitsEveryExampleOnce(
      @ForAll long seed,
      @ForAll @IntRange(min = 0, max = 5) int epoch,
      @ForAll @IntRange(min = 0, max = 300) int count) {
    int[] places = ExampleOrder.permutation(seed, epoch, count, true);
    assertThat(Arrays.stream(places).sorted().toArray())
        .isEqualTo(IntStream.range(0, count).toArray());
    assertThat(ExampleOrder.permutation(seed, epoch, count, true)).isEqualTo(places);
  }

  @Test
  void dependsOnSeedAndEpoch() {
    int[] places = ExampleOrder.permutation(42, 0, 100, true);
    assertThat(ExampleOrder.permutation(43, 0, 100, true)).isNotEqualTo(places);
    assertThat(ExampleOrder.permutation(42, 1, 100, true)).isNotEqualTo(places);
  }

  @Test
  void neverChangesBetweenVersions() {
    // A run that is resumed by a newer trainer goes on with the same examples.
    assertThat(ExampleOrder.permutation(42, 0, 10, true))
        .containsExactly(8, 5, 3, 6, 0, 2, 4, 9, 1, 7);
  }

  @Test
  void keepsTheOrderOfTheFileUnlessShuffled() {
    assertThat(ExampleOrder.permutation(42, 3, 4, false)).containsExactly(0, 1, 2, 3);
  }

  @Test
  void drawsEveryPlaceAboutEquallyOften() {
    int[] firsts = new int[5];
    for (int seed = 0; seed < 10_000; seed++) {
      firsts[ExampleOrder.permutation(seed, 0, 5, true)[0]]++;
    }
    // 2000 each; 200 is five standard deviations.
    for (int count : firsts) {
      assertThat(count).isBetween(1800, 2200);
    }
  }

  @Test
  void theOrderOfARunIsThatOfEachEpochWhateverWasAskedBefore() {
    IntFunction<int[]> epochs = Mixture.ofOne(20).epochs(42, true);
    for (int epoch : new int[] {0, 0, 1, 0, 3}) {
      assertThat(epochs.apply(epoch)).isEqualTo(ExampleOrder.permutation(42, epoch, 20, true));
    }
  }
}
