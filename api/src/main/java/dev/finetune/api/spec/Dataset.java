package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** The training examples and how they are held out. */
@ValidationRule(
    value = "!(has(self.eval) && has(self.evalFraction))",
    message = EitherOr.EVAL,
    fieldPath = ".evalFraction")
public record Dataset(
    @JsonPropertyDescription(
            "File of training rows, JSONL or a JSON list: file:, s3: or, in a cluster, pvc://claim/path.")
        @Required
        @Size(min = 1, max = 1024)
        @ValidationRule(value = "self.matches('" + Source.REGEX + "')", message = Source.MESSAGE)
        String train,
    @JsonPropertyDescription("File of held-out rows. Not together with evalFraction.")
        @Size(min = 1, max = 1024)
        @ValidationRule(value = "self.matches('" + Source.REGEX + "')", message = Source.MESSAGE)
        @Nullable String eval,
    @JsonPropertyDescription(
            "Share of the training rows to hold out, 0 to 0.5. Not together with eval.")
        @Min(0)
        @Max(0.5)
        @Nullable Double evalFraction,
    @JsonPropertyDescription(
            "How rows are read: alpaca, promptCompletion, text or tokens. Default alpaca.")
        @Default("alpaca")
        DatasetFormat format) {
  /** Fills in the defaults of absent fields, the same as the CRD states. */
  public Dataset {
    format = format == null ? DatasetFormat.ALPACA : format;
  }
}
