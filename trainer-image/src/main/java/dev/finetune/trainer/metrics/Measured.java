package dev.finetune.trainer.metrics;

import dev.finetune.api.spec.Metric;
import java.util.Collections;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Everything that an evaluation measured, for a report.
 *
 * @param examples number of examples
 * @param terms number of the objective's terms: supervised tokens, labelled words or examples
 * @param values the metrics of the task, the loss among them
 * @param intervals where they lie with a confidence of 95 %, by resampling examples
 * @param perplexity exponential of the loss of language modelling, else null
 * @param calibrationError expected calibration error, 0 to 1, of a task with one label a place,
 *     else null
 * @param classes scores of each label, null for a task without labels
 * @param entities scores of each type of entity, null unless words are labelled
 */
public record Measured(
    int examples,
    long terms,
    SortedMap<Metric, Double> values,
    SortedMap<Metric, Interval> intervals,
    @Nullable Double perplexity,
    @Nullable Double calibrationError,
    @Nullable ClassTable classes,
    @Nullable ClassTable entities) {
  /** Copies the maps. */
  public Measured {
    values = copy(values);
    intervals = copy(intervals);
  }

  private static <T> SortedMap<Metric, T> copy(Map<Metric, T> map) {
    return Collections.unmodifiableSortedMap(new TreeMap<>(map));
  }
}
