package dev.finetune.trainer.report;

import java.util.ArrayList;
import java.util.List;

/**
 * Points in ascending order of x.
 *
 * @param points the points; all finite
 */
record Curve(List<Point> points) {
  /** Most points that are drawn. */
  static final int MOST_POINTS = 500;

  /** A point. */
  record Point(double x, double y) {}

  /** Leaves out points that are not finite, which no chart can show. */
  Curve {
    points =
        points.stream()
            .filter(point -> Double.isFinite(point.x()) && Double.isFinite(point.y()))
            .toList();
  }

  boolean isEmpty() {
    return points.isEmpty();
  }

  /**
   * Returns at most {@link #MOST_POINTS} points, with the first, the last, and the lowest and the
   * highest of each stretch: a spike of one step is still seen.
   */
  Curve drawn() {
    return thinned(MOST_POINTS);
  }

  Curve thinned(int most) {
    if (points.size() <= most) {
      return this;
    }
    int stretches = (most - 2) / 2;
    int inner = points.size() - 2;
    List<Point> kept = new ArrayList<>();
    kept.add(points.getFirst());
    for (int i = 0; i < stretches; i++) {
      int start = 1 + Math.toIntExact((long) i * inner / stretches);
      int end = 1 + Math.toIntExact((long) (i + 1) * inner / stretches);
      addExtremes(kept, points.subList(start, end));
    }
    kept.add(points.getLast());
    return new Curve(kept);
  }

  private static void addExtremes(List<Point> kept, List<Point> stretch) {
    int low = 0;
    int high = 0;
    for (int i = 1; i < stretch.size(); i++) {
      low = stretch.get(i).y() < stretch.get(low).y() ? i : low;
      high = stretch.get(i).y() > stretch.get(high).y() ? i : high;
    }
    kept.add(stretch.get(Math.min(low, high)));
    if (low != high) {
      kept.add(stretch.get(Math.max(low, high)));
    }
  }

  /** Returns some points at about equal distances, with the first and the last. */
  List<Point> samples(int most) {
    if (points.size() <= most) {
      return points;
    }
    List<Point> samples = new ArrayList<>();
    for (int i = 0; i < most; i++) {
      samples.add(points.get(Math.toIntExact((long) i * (points.size() - 1) / (most - 1))));
    }
    return samples;
  }

  /** Returns the mean of each point and those before it, as many as the window has. */
  Curve trailingMean(int window) {
    List<Point> means = new ArrayList<>();
    double sum = 0;
    for (int i = 0; i < points.size(); i++) {
      sum += points.get(i).y();
      if (i >= window) {
        sum -= points.get(i - window).y();
      }
      if (i + 1 >= window) {
        means.add(new Point(points.get(i).x(), sum / window));
      }
    }
    return new Curve(means);
  }
}
