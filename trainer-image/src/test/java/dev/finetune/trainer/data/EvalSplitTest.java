package dev.finetune.trainer.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;

class EvalSplitTest {
  @Property
  void holdsOutTheFractionAndLosesNothing(
      @ForAll @IntRange(min = 0, max = 200) int count,
      @ForAll @DoubleRange(min = 0, max = 0.5) double fraction,
      @ForAll long seed) {
    List<Example> examples = examples(count);
    EvalSplit split = EvalSplit.of(examples, fraction, seed);
    List<Example> both = new ArrayList<>(split.train());
    both.addAll(split.eval());
    assertThat(both).containsExactlyInAnyOrderElementsOf(examples);
    assertThat(split.eval()).isSortedAccordingTo((a, b) -> Integer.compare(a.index(), b.index()));
    assertThat(split.train()).isSortedAccordingTo((a, b) -> Integer.compare(a.index(), b.index()));
    if (fraction > 0 && count >= 2) {
      assertThat(split.eval()).hasSize((int) Math.max(1, Math.round(fraction * count)));
      assertThat(split.train()).isNotEmpty();
    } else {
      assertThat(split.eval()).isEmpty();
    }
    assertThat(EvalSplit.of(examples, fraction, seed)).isEqualTo(split);
  }

  @Test
  void dependsOnTheSeed() {
    List<Example> examples = examples(100);
    assertThat(EvalSplit.of(examples, 0.1, 1).eval())
        .isNotEqualTo(EvalSplit.of(examples, 0.1, 2).eval());
  }

  @Test
  void movesFewRowsWhenOneIsAdded() {
    List<Example> examples = examples(101);
    List<Example> before = EvalSplit.of(examples.subList(0, 100), 0.1, 7).eval();
    List<Example> after = EvalSplit.of(examples, 0.1, 7).eval();
    assertThat(after.stream().filter(before::contains).count()).isGreaterThanOrEqualTo(9);
  }

  @Test
  void refusesAFractionOutOfRange() {
    assertThatThrownBy(() -> EvalSplit.of(List.of(), 0.6, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("fraction must be 0 to 0.5, was 0.6");
  }

  private static List<Example> examples(int count) {
    return IntStream.range(0, count)
        .mapToObj(i -> new Example(i, new int[] {1, 2}, new int[] {1, 2}))
        .toList();
  }
}
