package dev.finetune.api.run;

import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * What one evaluation of a run measured.
 *
 * @param step optimizer steps completed, 0 before training
 * @param trainLoss mean training loss of the steps since the evaluation before, nats per supervised
 *     token; null before training
 * @param loss loss of the held-out rows, if there are any
 * @param metrics what else was measured of them, by the names of {@code spec.evaluation.metric}
 * @param generalLoss loss of the general rows, nats per token, if there are any
 * @param samples answers to the prompts of {@code spec.evaluation}, if there are any and they were
 *     kept
 * @param trend in words what the evaluations so far show, if this is the newest one
 */
public record EvaluationPoint(
    int step,
    @Nullable Double trainLoss,
    @Nullable Double loss,
    SortedMap<String, Double> metrics,
    @Nullable Double generalLoss,
    @Nullable List<Sample> samples,
    @Nullable String trend) {
  /** Copies map and list. */
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  public EvaluationPoint {
    metrics =
        metrics == null
            ? Collections.emptySortedMap()
            : Collections.unmodifiableSortedMap(new TreeMap<>(metrics));
    samples = samples == null ? null : List.copyOf(samples);
  }

  /** Returns the same without the answers. */
  public EvaluationPoint withoutSamples() {
    return new EvaluationPoint(step, trainLoss, loss, metrics, generalLoss, null, trend);
  }

  /** Returns the same with these words. */
  public EvaluationPoint withTrend(@Nullable String words) {
    return new EvaluationPoint(step, trainLoss, loss, metrics, generalLoss, samples, words);
  }
}
