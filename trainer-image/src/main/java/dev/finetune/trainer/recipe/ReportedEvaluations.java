package dev.finetune.trainer.recipe;

import dev.finetune.api.run.EvaluationPoint;
import dev.finetune.api.spec.Forgetting;
import dev.finetune.trainer.evaluation.EvaluationHistory;
import dev.finetune.trainer.report.ReportData;
import dev.finetune.trainer.report.ReportData.Evaluation;
import dev.finetune.trainer.report.ReportData.Sample;
import dev.finetune.trainer.report.ReportData.Sample.Answer;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The evaluations of a run, as the report shows them. */
record ReportedEvaluations(EvaluationHistory history) {
  /** Returns the losses of held-out rows. */
  List<Evaluation> heldOut() {
    return losses(EvaluationPoint::loss);
  }

  private List<Evaluation> losses(Function<EvaluationPoint, @Nullable Double> loss) {
    List<Evaluation> losses = new ArrayList<>();
    for (EvaluationPoint point : history.points()) {
      Double value = loss.apply(point);
      if (value != null) {
        losses.add(new Evaluation(point.step(), value));
      }
    }
    return losses;
  }

  /** Returns the answers that were kept, by prompt. */
  List<Sample> samples() {
    Map<String, List<Answer>> byPrompt = new LinkedHashMap<>();
    for (EvaluationPoint point : history.points()) {
      List<dev.finetune.api.run.Sample> samples = point.samples();
      if (samples != null) {
        samples.forEach(
            sample ->
                byPrompt
                    .computeIfAbsent(sample.prompt(), _ -> new ArrayList<>())
                    .add(new Answer(point.step(), sample.answer())));
      }
    }
    return byPrompt.entrySet().stream()
        .map(entry -> new Sample(entry.getKey(), entry.getValue()))
        .toList();
  }

  /** Returns the losses of general rows, or null if there are none. */
  ReportData.@Nullable Forgetting forgetting(@Nullable Forgetting asked) {
    List<Evaluation> losses = losses(EvaluationPoint::generalLoss);
    if (asked == null || losses.isEmpty()) {
      return null;
    }
    Double allowed = asked.maxLossIncrease();
    return new ReportData.Forgetting(losses, allowed, words(asked, losses));
  }

  private static List<String> words(Forgetting asked, List<Evaluation> losses) {
    List<String> words = new ArrayList<>();
    words.add(
        String.format(
            Locale.ROOT,
            "Guards: %.0f %% of the examples replayed, weight of the divergence from the base model %s, %d blocks frozen.",
            100 * asked.replayShare(),
            asked.klWeight(),
            asked.frozenLayers()));
    Double allowed = asked.maxLossIncrease();
    if (allowed != null) {
      double first = losses.getFirst().loss();
      List<Integer> beyond =
          losses.stream().filter(e -> e.loss() - first > allowed).map(Evaluation::step).toList();
      words.add(
          beyond.isEmpty()
              ? "It stayed within the growth of %s that the job allows.".formatted(allowed)
              : "It grew by more than %s, which the job allows, from step %d on."
                  .formatted(allowed, beyond.getFirst()));
    }
    return words;
  }
}
