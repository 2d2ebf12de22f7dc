package dev.finetune.trainer.checkpoint;

import dev.finetune.api.run.EvaluationPoint;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.trainer.run.Equality;
import dev.finetune.trainer.run.RunResult;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** The README of a delivered adapter: what it is, of what it was made, and how good it is. */
public final class ModelCard {
  /** Name of the file. */
  public static final String FILE = "README.md";

  private ModelCard() {}

  /**
   * Returns the text; the same for equal results, so it holds no time, and of a run that is equal
   * to the bit not whether it was interrupted.
   */
  public static String text(FineTuneJobSpec spec, RunResult result, Equality equality) {
    StringBuilder text = new StringBuilder(1024);
    text.append("---\nlibrary_name: peft\nbase_model: ")
        .append(spec.model().uri())
        .append("\n---\n\n# ")
        .append(spec.method())
        .append(" adapter\n\n| | |\n| --- | --- |\n");
    row(text, "Base model", spec.model().uri());
    row(text, "Data", spec.dataset().train());
    row(text, "Optimizer steps", String.valueOf(result.steps()));
    row(text, "Learning rate", String.valueOf(spec.training().learningRate()));
    row(text, "Seed", String.valueOf(spec.training().seed()));
    row(text, "Training loss of the last step", number(result.loss()));
    if (result.evalLossBefore() != null && result.evalLossAfter() != null) {
      row(text, "Held-out loss before", number(result.evalLossBefore()));
      row(text, "Held-out loss after", number(result.evalLossAfter()));
    }
    if (result.adapterStep() != result.steps()) {
      row(text, "Step of the adapter", String.valueOf(result.adapterStep()));
    }
    metrics(text, "before", result.before());
    metrics(text, "after", result.after());
    row(text, "Equal to a run without interruptions", equality.text());
    text.append("\nLosses are nats per supervised token.\n");
    return text.toString();
  }

  private static void metrics(StringBuilder text, String when, @Nullable EvaluationPoint point) {
    if (point == null) {
      return;
    }
    point.metrics().forEach((name, value) -> row(text, name + " " + when, number(value)));
    if (point.generalLoss() != null) {
      row(text, "Loss of general rows " + when, number(point.generalLoss()));
    }
  }

  private static void row(StringBuilder text, String name, String value) {
    text.append("| ").append(name).append(" | ").append(value).append(" |\n");
  }

  private static String number(double value) {
    return String.format(Locale.ROOT, "%.4f", value);
  }
}
