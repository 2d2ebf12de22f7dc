package dev.finetune.trainer.metrics;

import dev.finetune.api.spec.Metric;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/** How well numbers are predicted: mean squared error, and correlations. */
public final class NumberScores {
  private final Losses losses = new Losses();
  private final List<Pair> pairs = new ArrayList<>();

  private record Pair(double actual, double predicted) {}

  /** Takes in an example. */
  public void add(int example, double term, double actual, double predicted) {
    losses.beginBatch();
    losses.add(example, term);
    pairs.add(new Pair(actual, predicted));
  }

  /** Returns the metrics of all that was taken in, at least one example. */
  public Measured measured() {
    double[] actual = column(Pair::actual);
    double[] predicted = column(Pair::predicted);
    Map<Metric, Statistic> statistics = new EnumMap<>(Metric.class);
    statistics.put(Metric.PEARSON, Correlation.pearson(actual, predicted));
    statistics.put(Metric.SPEARMAN, Correlation.spearman(actual, predicted));
    return Summary.of(losses, statistics, Summary.Tables.NONE, false);
  }

  private double[] column(ToDoubleFunction<Pair> of) {
    return pairs.stream().mapToDouble(of).toArray();
  }
}
