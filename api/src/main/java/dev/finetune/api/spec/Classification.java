package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What a classifier tells apart. */
@ValidationRule(
    value = "!(has(self.classWeights) && has(self.balanced) && self.balanced)",
    message = EitherOr.CLASS_WEIGHTS,
    fieldPath = ".classWeights")
public record Classification(
    @JsonPropertyDescription(
            "The labels, in the order of the head's outputs. Default: those of the training rows, sorted.")
        @Size(min = 1, max = 4096)
        @Nullable List<@Size(min = 1, max = 256) String> labels,
    @JsonPropertyDescription(
            "What SequenceClassification predicts: singleLabel, multiLabel or regression. Default singleLabel.")
        @Default("singleLabel")
        ProblemType problemType,
    @JsonPropertyDescription(
            "Weight of each label in the loss; absent ones have 1. Not together with balanced.")
        @Size(max = 4096)
        @Nullable
            Map<
                @Size(min = 1, max = 256) String,
                @Min(value = 0, inclusive = false) @Max(1000000) Double>
            classWeights,
    @JsonPropertyDescription(
            "Whether labels weigh inversely to their frequency in the training rows. Default false.")
        @Default("false")
        Boolean balanced,
    @JsonPropertyDescription(
            "TokenClassification: which sub-words of a word carry its label, first or all. Default first.")
        @Default("first")
        LabeledSubwords subwords) {
  /** Fills in the defaults of absent fields, the same as the CRD states. */
  public Classification {
    labels = labels == null ? null : List.copyOf(labels);
    problemType = problemType == null ? ProblemType.SINGLE_LABEL : problemType;
    classWeights = Copies.sorted(classWeights);
    balanced = balanced == null ? false : balanced;
    subwords = subwords == null ? LabeledSubwords.FIRST : subwords;
  }

  /** Returns what a job that says nothing of it gets. */
  @SuppressWarnings("NullAway") // The compact constructor turns absent fields into defaults.
  public static Classification defaults() {
    return new Classification(null, null, null, null, null);
  }
}
