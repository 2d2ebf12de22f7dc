package dev.finetune.trainer.audit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;

class LengthCountsTest {
  @Property(tries = 300)
  void knowsThePercentilesOfLengths(
      @ForAll @Size(min = 1, max = 200) List<@IntRange(max = 5_000_000) Integer> lengths) {
    LengthCounts counts = new LengthCounts();
    lengths.forEach(counts::add);
    Lengths found = counts.lengths();
    List<Integer> sorted = lengths.stream().sorted().toList();
    assertThat(found.least()).isEqualTo(sorted.getFirst());
    assertThat(found.most()).isEqualTo(sorted.getLast());
    assertThat(found.mean())
        .isCloseTo(
            lengths.stream().mapToInt(length -> length).average().orElseThrow(), within(1e-6));
    requirePercentile(found.percentiles().p50(), sorted, 50);
    requirePercentile(found.percentiles().p90(), sorted, 90);
    requirePercentile(found.percentiles().p95(), sorted, 95);
    requirePercentile(found.percentiles().p99(), sorted, 99);
    for (Lengths.Bar bar : found.histogram()) {
      assertThat(bar.rows())
          .isEqualTo(lengths.stream().filter(l -> l >= bar.from() && l <= bar.to()).count());
    }
    assertThat(found.histogram().stream().mapToLong(Lengths.Bar::rows).sum())
        .isEqualTo(lengths.size());
  }

  @Test
  void drawsABarForEachPowerOfTwo() {
    LengthCounts counts = new LengthCounts();
    List.of(3, 4, 7, 20).forEach(counts::add);
    assertThat(counts.lengths().histogram())
        .containsExactly(
            new Lengths.Bar(2, 3, 1),
            new Lengths.Bar(4, 7, 2),
            new Lengths.Bar(8, 15, 0),
            new Lengths.Bar(16, 31, 1));
  }

  @Test
  void countsTheGreatestLengthThatThereCanBe() {
    LengthCounts counts = new LengthCounts();
    counts.add(0);
    counts.add(Integer.MAX_VALUE);
    Lengths lengths = counts.lengths();
    assertThat(lengths.percentiles().p99()).isEqualTo(Integer.MAX_VALUE);
    assertThat(lengths.histogram().getFirst()).isEqualTo(new Lengths.Bar(0, 0, 1));
    assertThat(lengths.histogram().getLast())
        .isEqualTo(new Lengths.Bar(1 << 30, Integer.MAX_VALUE, 1));
  }

  private static void requirePercentile(int found, List<Integer> sorted, int percent) {
    int expected = sorted.get(Math.ceilDiv(sorted.size() * percent, 100) - 1);
    if (expected < 4096) {
      assertThat(found).isEqualTo(expected);
    } else {
      assertThat(found)
          .isGreaterThanOrEqualTo(expected)
          .isCloseTo(expected, Percentage.withPercentage(2));
    }
  }
}
