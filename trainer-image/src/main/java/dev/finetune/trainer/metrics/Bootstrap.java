package dev.finetune.trainer.metrics;

import dev.finetune.trainer.random.CounterRandom;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;

/**
 * Confidence intervals of 95 % by the percentiles of resamples of the examples. The same examples
 * give the same intervals.
 *
 * @see <a href="https://doi.org/10.1201/9780429246593">Efron and Tibshirani, An introduction to the
 *     bootstrap, chapter 13</a>
 */
final class Bootstrap {
  /** Resamples, fewer if they would take seconds. */
  static final int RESAMPLES = 1000;

  private static final int LEAST = 100;
  private static final long MOST_WORK = 50_000_000;
  private static final long PURPOSE = 0x626f6f7473747261L;
  private static final double TAIL = 0.025;

  private Bootstrap() {}

  /**
   * Returns where statistics lie; one that no resample defines has no interval.
   *
   * @param examples number of examples, at least 1
   * @param terms what a statistic walks over, for the number of resamples
   */
  static <T> SequencedMap<T, Interval> intervals(
      int examples, long terms, Map<T, Statistic> statistics) {
    int resamples = Math.clamp(MOST_WORK / (examples + terms), LEAST, RESAMPLES);
    List<T> names = List.copyOf(statistics.keySet());
    List<Statistic> functions = List.copyOf(statistics.values());
    double[][] values = new double[names.size()][resamples];
    int[] times = new int[examples];
    for (int resample = 0; resample < resamples; resample++) {
      draw(times, resample);
      for (int i = 0; i < values.length; i++) {
        values[i][resample] = functions.get(i).of(times);
      }
    }
    SequencedMap<T, Interval> intervals = new LinkedHashMap<>();
    for (int i = 0; i < values.length; i++) {
      double[] defined = Arrays.stream(values[i]).filter(v -> !Double.isNaN(v)).sorted().toArray();
      if (defined.length > 0) {
        Interval interval = new Interval(percentile(defined, TAIL), percentile(defined, 1 - TAIL));
        intervals.put(names.get(i), interval);
      }
    }
    return intervals;
  }

  private static void draw(int[] times, int resample) {
    Arrays.fill(times, 0);
    long key = CounterRandom.key(PURPOSE, resample);
    for (int i = 0; i < times.length; i++) {
      times[(int) (CounterRandom.uniform(key, i) * times.length)]++;
    }
  }

  /** Returns a percentile with linear interpolation between the two next numbers. */
  static double percentile(double[] sorted, double share) {
    double place = share * (sorted.length - 1);
    int below = (int) Math.floor(place);
    int above = Math.min(sorted.length - 1, below + 1);
    return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
  }
}
