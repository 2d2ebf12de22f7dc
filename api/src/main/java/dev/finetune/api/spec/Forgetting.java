package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** What is done so that the model does not lose what it could before, and how that is measured. */
@ValidationRule(
    value = "!has(self.replayShare) || double(self.replayShare) == 0.0 || has(self.replay)",
    message = EitherOr.REPLAY,
    fieldPath = ".replay")
@ValidationRule(
    value = "!has(self.maxLossIncrease) || has(self.general)",
    message = EitherOr.GENERAL,
    fieldPath = ".general")
public record Forgetting(
    @JsonPropertyDescription(
            "File of general rows, never trained on, whose loss is measured at every evaluation.")
        @Size(min = 1, max = 1024)
        @ValidationRule(value = "self.matches('" + Source.REGEX + "')", message = Source.MESSAGE)
        @Nullable String general,
    @JsonPropertyDescription("File of general rows that are trained on beside the task's.")
        @Size(min = 1, max = 1024)
        @ValidationRule(value = "self.matches('" + Source.REGEX + "')", message = Source.MESSAGE)
        @Nullable String replay,
    @JsonPropertyDescription("How the rows of general and replay are read. Default text.")
        @Default("text")
        DatasetFormat format,
    @JsonPropertyDescription(
            "Share of the examples of an optimizer step that are replayed, 0 to 0.9. Default 0.")
        @Min(0)
        @Max(0.9)
        @Default("0")
        Double replayShare,
    @JsonPropertyDescription(
            "Weight of the divergence from the base model (KL, nats per token) in the loss. Default 0.")
        @Min(0)
        @Max(100)
        @Default("0")
        Double klWeight,
    @JsonPropertyDescription("Blocks from the first on that get no adapter. Default 0.")
        @Min(0)
        @Max(1023)
        @Default("0")
        Integer frozenLayers,
    @JsonPropertyDescription(
            "How much the loss on general may grow, nats per token. Default: as much as it will.")
        @Min(0)
        @Max(100)
        @Nullable Double maxLossIncrease,
    @JsonPropertyDescription(
            "What is done when it grows more: report, select or stop. Default report.")
        @Default("report")
        OnForgetting onExceeded) {
  /** Fills in the defaults of absent fields, the same as the CRD states. */
  public Forgetting {
    format = format == null ? DatasetFormat.TEXT : format;
    replayShare = replayShare == null ? 0.0 : replayShare;
    klWeight = klWeight == null ? 0.0 : klWeight;
    frozenLayers = frozenLayers == null ? 0 : frozenLayers;
    onExceeded = onExceeded == null ? OnForgetting.REPORT : onExceeded;
  }
}
