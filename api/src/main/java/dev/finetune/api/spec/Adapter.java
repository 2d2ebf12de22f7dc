package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.Size;
import io.fabric8.generator.annotation.ValidationRule;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The trained low-rank update. */
public record Adapter(
    @JsonPropertyDescription("Rank of the two matrices. Default 16, or that of initFrom.")
        @Min(1)
        @Max(1024)
        @Nullable Integer rank,
    @JsonPropertyDescription(
            "The update is scaled by alpha / rank. Default 32, or that of initFrom.")
        @Min(1)
        @Max(65536)
        @Nullable Integer alpha,
    @JsonPropertyDescription(
            "Probability of dropping an input of the adapter while training, 0 to 0.9. Default 0.")
        @Min(0)
        @Max(0.9)
        @Default("0")
        Double dropout,
    @JsonPropertyDescription(
            "Modules that get an adapter: a suffix of the name such as q_proj, all-linear, or a regular expression that matches the whole name if it has regular-expression characters other than dots. Default all-linear, or those of initFrom.")
        @Size(min = 1, max = 64)
        @Nullable List<@Size(min = 1, max = 256) String> targetModules,
    @JsonPropertyDescription("Which update: LoRA. Default LoRA.") @Default("LoRA")
        AdapterVariant variant,
    @JsonPropertyDescription(
            "Folder of an existing adapter to start from, file: or s3:. Default: A random, B zero.")
        @Size(min = 1, max = 1024)
        @ValidationRule(
            value = "self.matches('" + Source.ADAPTER_REGEX + "')",
            message = Source.ADAPTER_MESSAGE)
        @Nullable String initFrom) {
  /** Fills in the defaults of absent fields, the same as the CRD states. */
  public Adapter {
    dropout = dropout == null ? 0.0 : dropout;
    variant = variant == null ? AdapterVariant.LORA : variant;
    targetModules = targetModules == null ? null : List.copyOf(targetModules);
  }

  /** Returns what a job that says nothing of it gets. */
  @SuppressWarnings("NullAway") // The compact constructor turns absent fields into defaults.
  public static Adapter defaults() {
    return new Adapter(null, null, null, null, null, null);
  }
}
