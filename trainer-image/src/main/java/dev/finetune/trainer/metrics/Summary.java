package dev.finetune.trainer.metrics;

import dev.finetune.api.spec.Metric;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Puts statistics of the same examples together. */
final class Summary {
  private Summary() {}

  /** Tables and numbers beside the metrics, each null where a task has none. */
  record Tables(
      @Nullable Double calibrationError,
      @Nullable ClassTable classes,
      @Nullable ClassTable entities) {
    static final Tables NONE = new Tables(null, null, null);
  }

  /**
   * Computes all statistics, and how sure they are.
   *
   * @param language whether the loss is one of language, which has a perplexity
   */
  static Measured of(
      Losses losses, Map<Metric, Statistic> statistics, Tables tables, boolean language) {
    Map<Metric, Statistic> all = new EnumMap<>(Metric.class);
    all.put(Metric.LOSS, losses.mean());
    all.putAll(statistics);
    int[] once = new int[losses.examples()];
    Arrays.fill(once, 1);
    SortedMap<Metric, Double> values = new TreeMap<>();
    all.forEach(
        (metric, statistic) -> {
          double value = statistic.of(once);
          // A correlation with what is all alike is not defined; 0 says that there is none.
          values.put(metric, Double.isNaN(value) ? 0 : value);
        });
    return new Measured(
        losses.examples(),
        losses.terms(),
        values,
        new TreeMap<>(Bootstrap.intervals(losses.examples(), losses.terms(), all)),
        language ? Math.exp(losses.mean().of(once)) : null,
        tables.calibrationError(),
        tables.classes(),
        tables.entities());
  }
}
