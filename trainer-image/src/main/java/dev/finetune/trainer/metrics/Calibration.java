package dev.finetune.trainer.metrics;

/**
 * Expected calibration error: how far confidence is from accuracy, in bins of equal width.
 *
 * @see <a href="https://arxiv.org/abs/1706.04599">On calibration of modern neural networks, section
 *     2</a>
 */
final class Calibration {
  private static final int BINS = 15;

  private final double[] confidences = new double[BINS];
  private final long[] right = new long[BINS];
  private final long[] counts = new long[BINS];

  /**
   * Takes in a prediction.
   *
   * @param confidence probability that the model gives it, 0 to 1; bins are open below
   */
  void add(double confidence, boolean isRight) {
    int bin = Math.clamp((int) Math.ceil(confidence * BINS) - 1, 0, BINS - 1);
    confidences[bin] += confidence;
    right[bin] += isRight ? 1 : 0;
    counts[bin]++;
  }

  /** Returns the error, 0 to 1. */
  double error() {
    double error = 0;
    long all = 0;
    for (int bin = 0; bin < BINS; bin++) {
      error += Math.abs(right[bin] - confidences[bin]);
      all += counts[bin];
    }
    return all == 0 ? 0 : error / all;
  }
}
