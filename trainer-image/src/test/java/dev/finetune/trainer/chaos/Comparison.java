package dev.finetune.trainer.chaos;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeSet;

/**
 * How a run differs from one that was not interrupted.
 *
 * @param differences what differs, each with both sides
 * @param bytes bytes of files and metrics that are missing or differ
 */
record Comparison(List<String> differences, long bytes) {
  static Comparison of(RunOutcome expected, RunOutcome actual) {
    List<String> differences = new ArrayList<>();
    long bytes = 0;
    TreeSet<String> names = new TreeSet<>(expected.files().keySet());
    names.addAll(actual.files().keySet());
    for (String name : names) {
      long differing = differing(expected.files().get(name), actual.files().get(name));
      if (differing > 0) {
        differences.add(name + ": " + differing + " bytes differ or are missing");
        bytes += differing;
      }
    }
    TreeSet<Integer> steps = new TreeSet<>(expected.metrics().keySet());
    steps.addAll(actual.metrics().keySet());
    for (int step : steps) {
      String then = text(expected.metrics(), step);
      String now = text(actual.metrics(), step);
      if (!then.equals(now)) {
        differences.add("metrics of step " + step + ": expected " + then + ", found " + now);
        bytes += Math.max(then.length(), now.length());
      }
    }
    return new Comparison(List.copyOf(differences), bytes);
  }

  private static String text(SortedMap<Integer, String> metrics, int step) {
    return metrics.getOrDefault(step, "nothing");
  }

  private static long differing(byte[] expected, byte[] actual) {
    if (expected == null || actual == null) {
      return expected == null ? actual.length : expected.length;
    }
    if (Arrays.equals(expected, actual)) {
      return 0;
    }
    long count = Math.abs(expected.length - actual.length);
    for (int i = 0; i < Math.min(expected.length, actual.length); i++) {
      count += expected[i] == actual[i] ? 0 : 1;
    }
    return count;
  }
}
