package dev.finetune.trainer.metrics;

/** A number that examples have together. */
interface Statistic {
  /**
   * Returns the number.
   *
   * @param times how often each example counts, from 0
   * @return not a number if it is not defined for these
   */
  double of(int[] times);
}
