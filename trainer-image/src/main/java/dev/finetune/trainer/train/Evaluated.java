package dev.finetune.trainer.train;

import dev.finetune.api.spec.Metric;
import dev.finetune.trainer.metrics.Measured;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What an evaluation measured.
 *
 * @param loss mean of the objective's terms
 * @param metrics by what evaluations of this task can be compared; {@link Metric#LOSS} is the loss
 * @param measured all that was measured, with tables and intervals; null if nobody asked for it
 */
public record Evaluated(
    double loss, SortedMap<Metric, Double> metrics, @Nullable Measured measured) {
  /** Copies the map. */
  public Evaluated {
    metrics = Collections.unmodifiableSortedMap(new TreeMap<>(metrics));
  }

  /** Makes one without tables. */
  public Evaluated(double loss, Map<Metric, Double> metrics) {
    this(loss, new TreeMap<>(metrics), null);
  }
}
