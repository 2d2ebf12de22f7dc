package dev.finetune.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.StorageLayout;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import org.jspecify.annotations.Nullable;

class RetentionTest {
  private static final Instant TIME = Instant.parse("2026-01-01T00:00:00Z");

  @Property(tries = 500)
  void keepsTheNewestAndTheBestOfTheCourseAndNothingElse(
      @ForAll("courses") List<CheckpointEntry> listed,
      @ForAll("addeds") CheckpointEntry added,
      @ForAll @IntRange(min = 1, max = 4) int keepLast,
      @ForAll @IntRange(min = 0, max = 3) int keepBest) {
    Retention retention = Retention.add(head(listed), added, keepLast, keepBest);
    Head head = retention.head();

    List<CheckpointEntry> course = new ArrayList<>(listed);
    course.removeIf(entry -> entry.step() >= added.step());
    course.add(added);
    for (CheckpointEntry entry : course) {
      long newer = course.stream().filter(e -> e.step() > entry.step()).count();
      Double loss = entry.evalLoss();
      long better =
          course.stream().filter(e -> loss != null && isBetter(e, entry.step(), loss)).count();
      boolean finite = loss != null && Double.isFinite(loss);
      assertThat(head.checkpoints().contains(entry))
          .as("%s of %s", entry, course)
          .isEqualTo(newer < keepLast || (finite && better < keepBest));
    }
    assertThat(course).containsAll(head.checkpoints());
    assertThat(head.checkpoints())
        .isSortedAccordingTo(Comparator.comparingInt(CheckpointEntry::step));
    assertThat(head.latest()).isEqualTo(added.step());
  }

  @Property(tries = 500)
  void noPointerNamesWhatWasDroppedAndNothingIsForgotten(
      @ForAll("courses") List<CheckpointEntry> listed,
      @ForAll("addeds") CheckpointEntry added,
      @ForAll @IntRange(min = 1, max = 4) int keepLast,
      @ForAll @IntRange(min = 0, max = 3) int keepBest) {
    Retention retention = Retention.add(head(listed), added, keepLast, keepBest);
    Head head = retention.head();

    Set<CheckpointEntry> all = new HashSet<>(listed);
    all.add(added);
    Set<CheckpointEntry> split = new HashSet<>(head.checkpoints());
    split.addAll(retention.dropped());
    assertThat(split).isEqualTo(all);
    assertThat(Collections.disjoint(head.checkpoints(), retention.dropped())).isTrue();
    assertThat(head.checkpoints()).extracting(CheckpointEntry::step).contains(head.latest());
    Integer best = head.best();
    if (best != null) {
      assertThat(head.checkpoints()).extracting(CheckpointEntry::step).contains(best);
    }
    assertThat(best != null)
        .as("the best is named if any that stays was measured")
        .isEqualTo(
            head.checkpoints().stream()
                .anyMatch(e -> e.evalLoss() != null && Double.isFinite(e.evalLoss())));
  }

  @Example
  void ofEqualLossesTheEarlierIsTheBest() {
    List<CheckpointEntry> listed = List.of(entry(1, 0.5), entry(2, 0.5), entry(3, null));
    Head head = Retention.add(head(listed), entry(4, 0.5), 1, 1).head();
    assertThat(head.checkpoints()).extracting(CheckpointEntry::step).containsExactly(1, 4);
    assertThat(head.best()).isEqualTo(1);
  }

  @Example
  void keepsNoBestIfToldSoAndNamesTheBestOfThoseThatStay() {
    List<CheckpointEntry> listed = List.of(entry(1, 0.1), entry(2, 0.5), entry(3, 0.7));
    Head head = Retention.add(head(listed), entry(4, 0.9), 2, 0).head();
    assertThat(head.checkpoints()).extracting(CheckpointEntry::step).containsExactly(3, 4);
    assertThat(head.best()).isEqualTo(3);
  }

  private static boolean isBetter(CheckpointEntry other, int step, double loss) {
    Double otherLoss = other.evalLoss();
    return otherLoss != null
        && Double.isFinite(otherLoss)
        && (otherLoss < loss || (otherLoss == loss && other.step() < step));
  }

  private static Head head(List<CheckpointEntry> listed) {
    return new Head(2, "a", TIME, "w", listed, null, null, null);
  }

  private static CheckpointEntry entry(int step, @Nullable Double loss) {
    return new CheckpointEntry(
        step, 1, StorageLayout.checkpointFolder(1, step), "ab".repeat(32), 1, TIME, loss);
  }

  @Provide
  Arbitrary<List<CheckpointEntry>> courses() {
    return checkpoints(1).list().ofMaxSize(7).uniqueElements(CheckpointEntry::step);
  }

  @Provide
  Arbitrary<CheckpointEntry> addeds() {
    return checkpoints(2);
  }

  private static Arbitrary<CheckpointEntry> checkpoints(int attempt) {
    Arbitrary<Integer> steps = Arbitraries.integers().between(1, 12);
    Arbitrary<Double> losses =
        Arbitraries.of(0.25, 0.5, 0.75, 1.0, Double.NaN, Double.POSITIVE_INFINITY).injectNull(0.3);
    return Combinators.combine(steps, losses)
        .as(
            (step, loss) ->
                new CheckpointEntry(
                    step,
                    attempt,
                    StorageLayout.checkpointFolder(attempt, step),
                    "ab".repeat(32),
                    1,
                    TIME,
                    loss));
  }
}
