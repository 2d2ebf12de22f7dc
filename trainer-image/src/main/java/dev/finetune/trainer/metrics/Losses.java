package dev.finetune.trainer.metrics;

import java.util.Arrays;

/** The terms of the objective, summed by example. */
public final class Losses {
  private double[] sums = new double[64];
  private double[] counts = new double[64];
  private int examples;
  private int current = -1;
  private long terms;

  /** Says that what comes is of other examples than what came. */
  public void beginBatch() {
    current = -1;
  }

  /**
   * Takes in a term; those of an example come one after the other.
   *
   * @param example number of the example, from 0
   * @return place of the example among those that came, from 0
   */
  public int add(int example, double term) {
    if (example != current) {
      current = example;
      if (examples == sums.length) {
        sums = Arrays.copyOf(sums, 2 * examples);
        counts = Arrays.copyOf(counts, 2 * examples);
      }
      examples++;
    }
    sums[examples - 1] += term;
    counts[examples - 1]++;
    terms++;
    return examples - 1;
  }

  /** Returns the number of examples with a term. */
  int examples() {
    return examples;
  }

  /** Returns the number of terms. */
  long terms() {
    return terms;
  }

  /** Returns the mean of the terms. */
  Statistic mean() {
    return new Ratio(Arrays.copyOf(sums, examples), Arrays.copyOf(counts, examples));
  }
}
