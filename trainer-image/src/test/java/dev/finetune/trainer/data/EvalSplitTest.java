package dev.finetune.trainer.data;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.DoubleRange;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

class EvalSplitTest {
  @Property
  void holdsOutTheFractionAndLosesNothing(
      @ForAll @IntRange(min = 0, max = 200) int count,
      @ForAll @DoubleRange(min = 0, max = 0.5) double fraction,
      @ForAll long seed) {
    List<Example> examples = examples(count);
    EvalSplit split = EvalSplit.of(examples, fraction, seed);
    requirePartition(split, examples);
    if (fraction > 0 && count >= 2) {
      assertThat(split.eval()).hasSize((int) Math.max(1, Math.round(fraction * count)));
      assertThat(split.train()).isNotEmpty();
    } else {
      assertThat(split.eval()).isEmpty();
    }
    assertThat(EvalSplit.of(examples, fraction, seed)).isEqualTo(split);
  }

  @Property
  void keepsEqualRowsOnOneSide(
      @ForAll @Size(max = 100) List<@IntRange(max = 9) Integer> contents,
      @ForAll @DoubleRange(min = 0.01, max = 0.5) double fraction,
      @ForAll long seed) {
    List<Example> examples =
        IntStream.range(0, contents.size()).mapToObj(i -> example(i, contents.get(i))).toList();
    EvalSplit split = EvalSplit.of(examples, fraction, seed);
    requirePartition(split, examples);
    Set<Integer> heldOut = contents(split.eval());
    assertThat(Collections.disjoint(heldOut, contents(split.train()))).isTrue();
    assertThat(heldOut.isEmpty()).isEqualTo(new HashSet<>(contents).size() < 2);
    if (!heldOut.isEmpty()) {
      assertThat(split.train()).isNotEmpty();
    }
    if (heldOut.size() > 1) {
      assertThat(split.eval().size())
          .isLessThanOrEqualTo((int) Math.max(1, Math.round(fraction * examples.size())));
    }
  }

  @Property
  void doesNotDependOnTheOrderOfTheRows(@ForAll long seed, @ForAll Random order) {
    List<Example> examples = examples(50);
    List<Example> shuffled = new ArrayList<>(examples);
    Collections.shuffle(shuffled, order);
    assertThat(contents(EvalSplit.of(shuffled, 0.2, seed).eval()))
        .isEqualTo(contents(EvalSplit.of(examples, 0.2, seed).eval()));
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

  private static void requirePartition(EvalSplit split, List<Example> examples) {
    List<Example> both = new ArrayList<>(split.train());
    both.addAll(split.eval());
    assertThat(both).containsExactlyInAnyOrderElementsOf(examples);
    assertThat(split.eval()).isSortedAccordingTo((a, b) -> Integer.compare(a.index(), b.index()));
    assertThat(split.train()).isSortedAccordingTo((a, b) -> Integer.compare(a.index(), b.index()));
  }

  private static Set<Integer> contents(List<Example> examples) {
    return examples.stream().map(example -> example.inputIds()[0]).collect(Collectors.toSet());
  }

  private static List<Example> examples(int count) {
    return IntStream.range(0, count).mapToObj(i -> example(i, i)).toList();
  }

  private static Example example(int index, int content) {
    return new Example(index, new int[] {content, 2}, new int[] {content, 2});
  }
}
