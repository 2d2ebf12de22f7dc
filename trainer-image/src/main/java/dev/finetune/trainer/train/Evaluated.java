package dev.finetune.trainer.train;

import dev.finetune.api.spec.Metric;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What an evaluation measured.
 *
 * @param loss mean of the objective's terms
 * @param metrics what else was measured of the task
 */
public record Evaluated(double loss, SortedMap<Metric, Double> metrics) {
  /** Copies the map. */
  public Evaluated(double loss, Map<Metric, Double> metrics) {
    this(loss, Collections.unmodifiableSortedMap(new TreeMap<>(metrics)));
  }
}
