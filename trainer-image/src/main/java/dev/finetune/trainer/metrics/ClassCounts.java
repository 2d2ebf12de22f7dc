package dev.finetune.trainer.metrics;

import java.util.ArrayList;
import java.util.List;

/**
 * How often each class was predicted, was there, and both.
 *
 * @param both right predictions of each class
 * @param predicted predictions of each class
 * @param actual occurrences of each class
 */
record ClassCounts(long[] both, long[] predicted, long[] actual) {
  ClassCounts(int classes) {
    this(new long[classes], new long[classes], new long[classes]);
  }

  void addActual(int of, int times) {
    actual[of] += times;
  }

  void addPredicted(int of, int times) {
    predicted[of] += times;
  }

  void addBoth(int of, int times) {
    both[of] += times;
  }

  /** Returns the harmonic mean of precision and recall, 0 where nothing is right. */
  private static double f1(long both, long predicted, long actual) {
    return both == 0 ? 0 : 2.0 * both / (predicted + actual);
  }

  /** Returns F1 over all classes together. */
  double microF1() {
    return f1(sum(both), sum(predicted), sum(actual));
  }

  private static long sum(long[] counts) {
    long sum = 0;
    for (long count : counts) {
      sum += count;
    }
    return sum;
  }

  /**
   * Returns the mean of the classes' F1.
   *
   * @param absentToo whether classes that neither occur nor are predicted count, with 0
   */
  double macroF1(boolean absentToo) {
    double sum = 0;
    int classes = 0;
    for (int i = 0; i < both.length; i++) {
      if (absentToo || predicted[i] + actual[i] > 0) {
        sum += f1(both[i], predicted[i], actual[i]);
        classes++;
      }
    }
    return classes == 0 ? 0 : sum / classes;
  }

  /** Returns the scores of each class. */
  List<ClassScore> scores(List<String> names) {
    List<ClassScore> scores = new ArrayList<>();
    for (int i = 0; i < both.length; i++) {
      scores.add(
          new ClassScore(
              names.get(i),
              predicted[i] == 0 ? 0 : (double) both[i] / predicted[i],
              actual[i] == 0 ? 0 : (double) both[i] / actual[i],
              f1(both[i], predicted[i], actual[i]),
              actual[i]));
    }
    return scores;
  }
}
