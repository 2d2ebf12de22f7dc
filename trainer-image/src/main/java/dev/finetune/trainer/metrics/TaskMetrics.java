package dev.finetune.trainer.metrics;

import dev.finetune.api.spec.Metric;
import dev.finetune.api.spec.ProblemType;
import dev.finetune.api.spec.Task;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/** Which metrics the evaluations of a task have. */
public final class TaskMetrics {
  private TaskMetrics() {}

  /** Returns those of language modelling. */
  public static Set<Metric> ofLanguage() {
    return EnumSet.of(Metric.LOSS, Metric.TOKEN_ACCURACY, Metric.EXACT_MATCH);
  }

  /**
   * Returns those of a classifier.
   *
   * @param labels names of the outputs; only such as {@code O} and {@code B-PER} make entities
   */
  public static Set<Metric> ofClassifier(Task task, ProblemType problem, List<String> labels) {
    if (problem == ProblemType.REGRESSION) {
      return EnumSet.of(Metric.LOSS, Metric.PEARSON, Metric.SPEARMAN);
    }
    Set<Metric> metrics =
        EnumSet.of(Metric.LOSS, Metric.ACCURACY, Metric.MACRO_F1, Metric.MICRO_F1);
    if (task == Task.TOKEN_CLASSIFICATION && Entities.areEntities(labels)) {
      metrics.add(Metric.ENTITY_F1);
    }
    return metrics;
  }
}
