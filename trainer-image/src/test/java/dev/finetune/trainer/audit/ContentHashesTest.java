package dev.finetune.trainer.audit;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.Target;
import dev.finetune.trainer.random.CounterRandom;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class ContentHashesTest {
  @Property(tries = 200)
  void isASetOfNumbers(@ForAll List<@IntRange(min = -20, max = 20) Integer> numbers) {
    ContentHashes hashes = new ContentHashes();
    Set<Long> expected = new HashSet<>();
    for (long number : numbers) {
      assertThat(hashes.contains(number)).isEqualTo(expected.contains(number));
      assertThat(hashes.add(number)).isEqualTo(expected.add(number));
      assertThat(hashes.contains(number)).isTrue();
    }
  }

  @Test
  void keepsEveryNumberWhileItGrows() {
    ContentHashes hashes = new ContentHashes();
    for (int i = 0; i < 100_000; i++) {
      assertThat(hashes.add(CounterRandom.bits(1, i))).isTrue();
    }
    for (int i = 0; i < 100_000; i++) {
      assertThat(hashes.contains(CounterRandom.bits(1, i))).isTrue();
      assertThat(hashes.contains(CounterRandom.bits(2, i))).isFalse();
    }
  }

  @Property
  void equalContentsAndNoOthersHaveOneHash(
      @ForAll @IntRange(min = 1, max = 3) int length,
      @ForAll @IntRange(max = 3) int ids,
      @ForAll @IntRange(max = 3) int labels,
      @ForAll @IntRange(max = 3) int otherIds,
      @ForAll @IntRange(max = 3) int otherLabels) {
    Example one = example(0, length, ids, labels);
    Example other = example(7, length, otherIds, otherLabels);
    assertThat(one.contentHash() == other.contentHash())
        .isEqualTo(ids == otherIds && labels == otherLabels);
    assertThat(example(0, length + 1, ids, labels).contentHash()).isNotEqualTo(one.contentHash());
  }

  @Property
  void equalTargetsAndNoOthersHaveOneHash(
      @ForAll @IntRange(min = -2, max = 2) int one,
      @ForAll @IntRange(min = -2, max = 2) int other) {
    int[] ids = {7, 8};
    assertThat(
            new Example(0, ids, new Target.OfText(new float[] {one, 1, 0})).contentHash()
                == new Example(5, ids, new Target.OfText(new float[] {other, 1})).contentHash())
        .isEqualTo(one == other);
    int[] words = {0, 1};
    assertThat(
            new Example(0, ids, new Target.OfTokens(new int[] {one, 3}, words)).contentHash()
                == new Example(5, ids, new Target.OfTokens(new int[] {other, 3}, words))
                    .contentHash())
        .isEqualTo(one == other);
  }

  private static Example example(int index, int length, int id, int label) {
    int[] ids = new int[length];
    int[] labels = new int[length];
    ids[length - 1] = id;
    labels[length - 1] = label;
    return new Example(index, ids, labels);
  }
}
