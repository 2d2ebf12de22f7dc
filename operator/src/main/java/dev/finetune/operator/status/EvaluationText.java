package dev.finetune.operator.status;

import dev.finetune.api.run.EvaluationPoint;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Evaluations as people read them in a status. Names come from storage, so they are bounded. */
final class EvaluationText {
  private static final int MOST_METRICS = 8;
  private static final int MOST_NAME = 32;
  private static final int MOST_WORDS = 256;

  private EvaluationText() {}

  /** Returns step, losses, metrics and trend in one line, or null if there was no evaluation. */
  static @Nullable String of(@Nullable EvaluationPoint point) {
    if (point == null) {
      return null;
    }
    List<String> numbers = new ArrayList<>();
    if (point.loss() != null) {
      numbers.add("loss " + Texts.loss(point.loss()));
    }
    String metrics = metrics(point);
    if (metrics != null) {
      numbers.add(metrics);
    }
    if (point.generalLoss() != null) {
      numbers.add("general loss " + Texts.loss(point.generalLoss()));
    }
    String trend = point.trend();
    return "step %d: %s%s"
        .formatted(
            point.step(),
            String.join(", ", numbers),
            trend == null ? "" : "; " + Texts.clean(trend, MOST_WORDS));
  }

  /** Returns metrics such as {@code accuracy 0.9213, macroF1 0.9075}, or null if there are none. */
  static @Nullable String metrics(@Nullable EvaluationPoint point) {
    if (point == null || point.metrics().isEmpty()) {
      return null;
    }
    return point.metrics().entrySet().stream()
        .limit(MOST_METRICS)
        .map(EvaluationText::metric)
        .collect(Collectors.joining(", "));
  }

  static @Nullable String generalLoss(@Nullable EvaluationPoint point) {
    return point == null ? null : Texts.loss(point.generalLoss());
  }

  private static String metric(Map.Entry<String, Double> metric) {
    return String.format(
        Locale.ROOT, "%s %.4f", Texts.clean(metric.getKey(), MOST_NAME), metric.getValue());
  }
}
