package dev.finetune.trainer.train;

import dev.finetune.trainer.train.ExampleLosses.Course;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.function.IntUnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * Which training examples stand out by their loss over a run.
 *
 * @param losses the losses
 * @param terms number of terms of the example at a place
 */
public record LossRanking(ExampleLosses losses, IntUnaryOperator terms) {
  /** Fewest examples of about one length that are compared with each other. */
  static final int LEAST_PEERS = 24;

  private static final int MOST_GROUPS = 16;

  /**
   * Modified z-score from which a value counts as an outlier.
   *
   * @see <a href="https://www.itl.nist.gov/div898/handbook/eda/section3/eda35h.htm">NIST handbook,
   *     1.3.5.17 (Iglewicz and Hoaglin)</a>
   */
  private static final double OUTLIER = 3.5;

  /** Standard deviations of a normal distribution in its median absolute deviation. */
  private static final double DEVIATION = 0.6745;

  /** Spread in nats below which differences are no news. */
  private static final double LEAST_SPREAD = 0.05;

  /**
   * An example that stands out.
   *
   * @param place its place among those to train on
   * @param course its loss over the run
   * @param score by how many deviations its loss is above that of examples of its length
   */
  public record Ranked(int place, Course course, double score) {}

  /** Returns the examples with the highest loss when they were last seen, highest first. */
  public List<Ranked> hardest(int most) {
    return seen()
        .sorted(
            Comparator.comparingDouble((Ranked ranked) -> ranked.course().last())
                .reversed()
                .thenComparing(Ranked::place))
        .limit(most)
        .toList();
  }

  /**
   * Returns the examples whose label is likely wrong, the likeliest first: compared with others of
   * about as many terms, their loss is far above that of the steps they were in, and, if they were
   * seen more than once, has fallen less than half as much as is common. Short ones are compared
   * with short ones since a mean over few terms varies more.
   */
  public List<Ranked> suspects(int most) {
    List<Ranked> all = seen().sorted(Comparator.comparingInt(Ranked::place)).toList();
    double commonFall = median(all.stream().mapToDouble(LossRanking::fall).toArray());
    List<Ranked> suspects = new ArrayList<>();
    for (List<Ranked> peers : groups(all)) {
      double[] excess = peers.stream().mapToDouble(r -> r.course().excess()).toArray();
      double middle = median(excess);
      double spread = median(Arrays.stream(excess).map(x -> Math.abs(x - middle)).toArray());
      for (Ranked ranked : peers) {
        double above = ranked.course().excess() - middle;
        double score = DEVIATION * above / Math.max(spread, DEVIATION * LEAST_SPREAD);
        boolean stays = ranked.course().times() == 1 || fall(ranked) < commonFall / 2;
        if (score > OUTLIER && stays) {
          suspects.add(new Ranked(ranked.place(), ranked.course(), score));
        }
      }
    }
    suspects.sort(
        Comparator.comparingDouble(Ranked::score).reversed().thenComparing(Ranked::place));
    return List.copyOf(suspects.subList(0, Math.min(most, suspects.size())));
  }

  private Stream<Ranked> seen() {
    return IntStream.range(0, losses.examples())
        .boxed()
        .flatMap(place -> losses.of(place).map(course -> new Ranked(place, course, 0)).stream());
  }

  /** Cuts examples into groups of about one number of terms; too few examples make no group. */
  private List<List<Ranked>> groups(List<Ranked> all) {
    List<Ranked> byTerms =
        all.stream()
            .sorted(Comparator.comparingInt(ranked -> terms.applyAsInt(ranked.place())))
            .toList();
    int count = Math.min(MOST_GROUPS, byTerms.size() / LEAST_PEERS);
    return IntStream.range(0, count)
        .mapToObj(i -> byTerms.subList(start(i, count, byTerms), start(i + 1, count, byTerms)))
        .toList();
  }

  private static int start(int group, int groups, List<Ranked> all) {
    return Math.toIntExact((long) group * all.size() / groups);
  }

  private static double fall(Ranked ranked) {
    return ranked.course().first() - ranked.course().last();
  }

  private static double median(double[] values) {
    if (values.length == 0) {
      return 0;
    }
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    int middle = sorted.length / 2;
    return sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }
}
