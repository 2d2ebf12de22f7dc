package dev.finetune.trainer.metrics;

import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.IntStream;

/** Correlation of two numbers of each example. */
final class Correlation {
  private Correlation() {}

  /** Returns Pearson's correlation of two numbers of each example. */
  static Statistic pearson(double[] x, double[] y) {
    return times -> pearson(x, y, times);
  }

  /** Returns Spearman's: that of their ranks, the mean rank where numbers are equal. */
  static Statistic spearman(double[] x, double[] y) {
    int[] orderX = order(x);
    int[] orderY = order(y);
    return times -> pearson(ranks(x, orderX, times), ranks(y, orderY, times), times);
  }

  private static int[] order(double[] values) {
    return IntStream.range(0, values.length)
        .boxed()
        .sorted(Comparator.comparingDouble(i -> values[i]))
        .mapToInt(i -> i)
        .toArray();
  }

  /** Returns the rank of each example among all, each as often as it counts. */
  private static double[] ranks(double[] values, int[] order, int[] times) {
    double[] ranks = new double[values.length];
    long before = 0;
    for (int i = 0; i < order.length; ) {
      int end = i;
      long alike = 0;
      while (end < order.length && values[order[end]] == values[order[i]]) {
        alike += times[order[end++]];
      }
      for (; i < end; i++) {
        ranks[order[i]] = before + (alike + 1) / 2.0;
      }
      before += alike;
    }
    return ranks;
  }

  private static double pearson(double[] x, double[] y, int[] times) {
    double n = Arrays.stream(times).asLongStream().sum();
    double meanX = mean(x, times, n);
    double meanY = mean(y, times, n);
    double xx = 0;
    double yy = 0;
    double xy = 0;
    for (int i = 0; i < x.length; i++) {
      double dx = x[i] - meanX;
      double dy = y[i] - meanY;
      xx += times[i] * dx * dx;
      yy += times[i] * dy * dy;
      xy += times[i] * dx * dy;
    }
    return xx == 0 || yy == 0 ? Double.NaN : Math.clamp(xy / Math.sqrt(xx * yy), -1, 1);
  }

  private static double mean(double[] values, int[] times, double n) {
    double sum = 0;
    for (int i = 0; i < values.length; i++) {
      sum += times[i] * values[i];
    }
    return sum / n;
  }
}
