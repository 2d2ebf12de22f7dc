package dev.finetune.trainer.metrics;

import java.util.Arrays;

/**
 * A mean over the terms of examples.
 *
 * @param sums sum of each example's terms
 * @param counts number of each example's terms
 */
record Ratio(double[] sums, double[] counts) implements Statistic {
  /** Makes the mean of one number for each example. */
  static Ratio mean(double[] values) {
    double[] ones = new double[values.length];
    Arrays.fill(ones, 1);
    return new Ratio(values, ones);
  }

  @Override
  public double of(int[] times) {
    double sum = 0;
    double count = 0;
    for (int i = 0; i < times.length; i++) {
      sum += times[i] * sums[i];
      count += times[i] * counts[i];
    }
    return count == 0 ? Double.NaN : sum / count;
  }
}
