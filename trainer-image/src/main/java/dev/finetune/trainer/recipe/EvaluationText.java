package dev.finetune.trainer.recipe;

import dev.finetune.api.run.EvaluationPoint;
import dev.finetune.trainer.evaluation.EvaluationHistory;
import dev.finetune.trainer.evaluation.EvaluationPolicy;
import dev.finetune.trainer.run.RunResult;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** Evaluations in the words of the console. */
final class EvaluationText {
  private EvaluationText() {}

  /** Returns what was measured before training. */
  static String before(EvaluationPoint point) {
    return point.loss() == null
        ? numbers(point, "Before training: ")
        : numbers(point, "Held-out loss before training: ");
  }

  /** Returns what was measured after a step, and what the evaluations so far show. */
  static String after(EvaluationPoint point, EvaluationHistory history) {
    return numbers(point, "Held-out loss after step " + point.step() + ": ")
        + "; "
        + history.trend().words();
  }

  /** Returns that the model has forgotten more than it may. */
  static String exceeded(EvaluationPolicy policy) {
    String what =
        switch (policy.onExceeded()) {
          case REPORT -> "it is only reported";
          case SELECT -> "this adapter will not be delivered";
          case STOP -> "this adapter will not be delivered, and training stops";
        };
    return String.format(
        Locale.ROOT,
        "The loss of general rows has grown by more than %s; %s",
        policy.maxLossIncrease(),
        what);
  }

  /** Returns how a run came out. */
  static String result(RunResult result) {
    List<String> parts = new ArrayList<>();
    if (result.adapterStep() != result.steps()) {
      parts.add("Adapter of step " + result.adapterStep());
    }
    EvaluationPoint before = result.before();
    EvaluationPoint after = result.after();
    if (before != null && after != null) {
      if (before.loss() != null && after.loss() != null) {
        parts.add(change("Held-out loss", before.loss(), after.loss()));
      }
      if (before.generalLoss() != null && after.generalLoss() != null) {
        parts.add(change("general loss", before.generalLoss(), after.generalLoss()));
      }
    }
    return parts.isEmpty() ? "Trained " + result.steps() + " steps" : String.join("; ", parts);
  }

  private static String change(String what, double before, double after) {
    return String.format(Locale.ROOT, "%s: %.4f before, %.4f after", what, before, after);
  }

  private static String numbers(EvaluationPoint point, String start) {
    List<String> numbers = new ArrayList<>();
    if (point.loss() != null) {
      numbers.add(String.format(Locale.ROOT, "%.4f", point.loss()));
    }
    point
        .metrics()
        .forEach((name, value) -> numbers.add(String.format(Locale.ROOT, "%s %.4f", name, value)));
    if (point.generalLoss() != null) {
      numbers.add(String.format(Locale.ROOT, "general loss %.4f", point.generalLoss()));
    }
    return start + String.join(", ", numbers);
  }
}
