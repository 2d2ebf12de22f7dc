package dev.finetune.trainer.audit;

import java.util.List;

/**
 * How many tokens rows have, before anything is cut.
 *
 * @param least of all rows, 0 if there is none
 * @param most of all rows, 0 if there is none
 * @param mean of all rows, 0 if there is none
 * @param percentiles the length that so many percent of the rows do not exceed, to 2 % above 4095
 * @param histogram how many rows have a length up to each power of two
 */
public record Lengths(
    int least, int most, double mean, Percentiles percentiles, List<Bar> histogram) {
  /** Keeps an unmodifiable copy of the list. */
  public Lengths {
    histogram = List.copyOf(histogram);
  }

  /** Lengths that 50, 90, 95 and 99 percent of the rows do not exceed. */
  public record Percentiles(int p50, int p90, int p95, int p99) {}

  /**
   * Rows of about one length.
   *
   * @param from least length
   * @param to greatest length
   */
  public record Bar(int from, int to, long rows) {}
}
