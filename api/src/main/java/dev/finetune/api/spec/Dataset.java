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
    value =
        "self.train.startsWith('file:') || self.train.startsWith('s3:') || self.train.startsWith('pvc:')",
    message = "train must start with file:, s3: or pvc:")
@ValidationRule(
    value =
        "!has(self.eval) || self.eval.startsWith('file:') || self.eval.startsWith('s3:') || self.eval.startsWith('pvc:')",
    message = "eval must start with file:, s3: or pvc:")
@ValidationRule(
    value = "!(has(self.eval) && has(self.evalFraction))",
    message = "only one of eval and evalFraction may be set")
public record Dataset(
    @JsonPropertyDescription(
            "File of training rows, JSONL or a JSON list: file:, s3: or, in a cluster, pvc://claim/path.")
        @Required
        @Size(min = 1, max = 1024)
        String train,
    @JsonPropertyDescription("File of held-out rows. Not together with evalFraction.")
        @Size(min = 1, max = 1024)
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
