package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Size;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What is made of evaluations, which are as frequent as training.evalEverySteps says. */
public record Evaluation(
    @JsonPropertyDescription(
            "By what evaluations are compared: loss, accuracy, macroF1, microF1, entityF1, pearson, spearman, exactMatch or tokenAccuracy. Default loss.")
        @Default("loss")
        Metric metric,
    @JsonPropertyDescription(
            "Training stops after so many evaluations without a better one. Default: it does not.")
        @Min(1)
        @Max(10000)
        @Nullable Integer patience,
    @JsonPropertyDescription("By how much an evaluation must be better to count. Default 0.")
        @Min(0)
        @Max(1000)
        @Default("0")
        Double minDelta,
    @JsonPropertyDescription("Which adapter is delivered: best or last. Default best.")
        @Default("best")
        Delivered deliver,
    @JsonPropertyDescription(
            "Prompts that are answered at every evaluation, to be read by people. Of CausalLM.")
        @Size(min = 1, max = 16)
        @Nullable List<@Size(min = 1, max = 4096) String> prompts,
    @JsonPropertyDescription("Most tokens of such an answer. Default 64.")
        @Min(1)
        @Max(1024)
        @Default("64")
        Integer answerTokens) {
  /** Fills in the defaults of absent fields, the same as the CRD states. */
  public Evaluation {
    metric = metric == null ? Metric.LOSS : metric;
    minDelta = minDelta == null ? 0.0 : minDelta;
    deliver = deliver == null ? Delivered.BEST : deliver;
    prompts = prompts == null ? null : List.copyOf(prompts);
    answerTokens = answerTokens == null ? 64 : answerTokens;
  }
}
