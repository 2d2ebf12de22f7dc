package dev.finetune.trainer.recipe;

import dev.finetune.api.run.EvaluationPoint;
import dev.finetune.api.spec.Metric;
import dev.finetune.trainer.checkpoint.ModelCard;
import dev.finetune.trainer.evaluation.MetricNames;
import dev.finetune.trainer.metrics.ClassScore;
import dev.finetune.trainer.metrics.ClassTable;
import dev.finetune.trainer.metrics.Interval;
import dev.finetune.trainer.metrics.Measured;
import dev.finetune.trainer.report.ReportData.Quality;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What an evaluation measured, as the report shows it. */
final class MeasuredQuality {
  private MeasuredQuality() {}

  /**
   * Returns it.
   *
   * @param before what was measured before training, by name; perhaps nothing
   */
  static Quality of(Measured measured, @Nullable EvaluationPoint before) {
    List<Quality.Score> scores = new ArrayList<>();
    measured
        .values()
        .forEach((metric, value) -> scores.add(score(metric, value, before, measured)));
    Double calibration = measured.calibrationError();
    if (calibration != null) {
      scores.add(new Quality.Score("calibration error", null, calibration, null, null));
    }
    List<Quality.ClassScore> classes = new ArrayList<>();
    ClassTable labels = measured.classes();
    ClassTable entities = measured.entities();
    if (labels != null) {
      labels.classes().forEach(score -> classes.add(classScore("", score)));
    }
    if (entities != null) {
      entities.classes().forEach(score -> classes.add(classScore("entity ", score)));
    }
    return new Quality(scores, classes, labels == null ? null : confusion(labels));
  }

  /** Returns the metrics besides the loss, for the card. */
  static List<ModelCard.Score> scores(Measured measured, @Nullable EvaluationPoint before) {
    return of(measured, before).scores().stream()
        .filter(score -> !score.name().equals(name(Metric.LOSS)))
        .map(
            score ->
                new ModelCard.Score(
                    score.name(), score.before(), score.after(), score.low(), score.high()))
        .toList();
  }

  private static Quality.Score score(
      Metric metric, double value, @Nullable EvaluationPoint before, Measured measured) {
    Double then = null;
    if (before != null) {
      then = metric == Metric.LOSS ? before.loss() : before.metrics().get(MetricNames.of(metric));
    }
    Interval interval = measured.intervals().get(metric);
    return new Quality.Score(
        name(metric),
        then,
        value,
        interval == null ? null : interval.low(),
        interval == null ? null : interval.high());
  }

  private static Quality.ClassScore classScore(String kind, ClassScore score) {
    return new Quality.ClassScore(
        kind + score.label(), score.precision(), score.recall(), score.f1(), score.support());
  }

  private static Quality.@Nullable Confusion confusion(ClassTable table) {
    return table.confusion() == null
        ? null
        : new Quality.Confusion(
            table.classes().stream().map(ClassScore::label).toList(), table.confusion());
  }

  /** Returns what people call a metric. */
  static String name(Metric metric) {
    return switch (metric) {
      case LOSS -> "loss";
      case ACCURACY -> "accuracy";
      case MACRO_F1 -> "macro F1";
      case MICRO_F1 -> "micro F1";
      case ENTITY_F1 -> "entity F1";
      case PEARSON -> "Pearson correlation";
      case SPEARMAN -> "Spearman correlation";
      case EXACT_MATCH -> "exact match";
      case TOKEN_ACCURACY -> "token accuracy";
    };
  }
}
