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

/** The trained low-rank update. */
@ValidationRule(
    value = "!has(self.initFrom) || !has(self.init) || self.init == 'default'",
    message = EitherOr.INIT,
    fieldPath = ".init")
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
    @JsonPropertyDescription("Which update: LoRA, rsLoRA or DoRA. Default LoRA.") @Default("LoRA")
        AdapterVariant variant,
    @JsonPropertyDescription(
            "Folder of an existing adapter to start from, file: or s3:. Default: A random, B zero.")
        @Size(min = 1, max = 1024)
        @ValidationRule(
            value = "self.matches('" + Source.ADAPTER_REGEX + "')",
            message = Source.ADAPTER_MESSAGE)
        @Nullable String initFrom,
    @JsonPropertyDescription(
            "How the matrices begin: default, gaussian or pissa. Default default. Not together with initFrom.")
        @Default("default")
        AdapterInit init,
    @JsonPropertyDescription("Indexes of the blocks that get an adapter, from 0. Default: all.")
        @Size(min = 1, max = 1024)
        @Nullable List<@Min(0) @Max(1023) Integer> layersToTransform,
    @JsonPropertyDescription(
            "Ranks of modules that differ: the end of a module's name, or a regular expression for it, to its rank.")
        @Size(max = 64)
        @Nullable Map<@Size(min = 1, max = 256) String, @Min(1) @Max(1024) Integer> rankPattern,
    @JsonPropertyDescription(
            "Alphas of modules that differ: the end of a module's name, or a regular expression for it, to its alpha.")
        @Size(max = 64)
        @Nullable Map<@Size(min = 1, max = 256) String, @Min(1) @Max(65536) Integer> alphaPattern,
    @JsonPropertyDescription(
            "Modules that are trained and saved whole, such as embed_tokens or lm_head.")
        @Size(min = 1, max = 64)
        @Nullable List<@Size(min = 1, max = 256) String> modulesToSave,
    @JsonPropertyDescription(
            "Modules that get no adapter although targetModules names them, written as those.")
        @Size(min = 1, max = 64)
        @Nullable List<@Size(min = 1, max = 256) String> excludeModules,
    @JsonPropertyDescription(
            "LoRA+: learning rate of B as a multiple of that of A, 1 to 1000. Default 1.")
        @Min(1)
        @Max(1000)
        @Default("1")
        Double loraPlusRatio) {
  /** Fills in the defaults of absent fields, the same as the CRD states. */
  public Adapter {
    dropout = dropout == null ? 0.0 : dropout;
    variant = variant == null ? AdapterVariant.LORA : variant;
    targetModules = targetModules == null ? null : List.copyOf(targetModules);
    init = init == null ? AdapterInit.DEFAULT : init;
    layersToTransform = layersToTransform == null ? null : List.copyOf(layersToTransform);
    rankPattern = Copies.sorted(rankPattern);
    alphaPattern = Copies.sorted(alphaPattern);
    modulesToSave = modulesToSave == null ? null : List.copyOf(modulesToSave);
    excludeModules = excludeModules == null ? null : List.copyOf(excludeModules);
    loraPlusRatio = loraPlusRatio == null ? 1.0 : loraPlusRatio;
  }

  /** Returns what a job that says nothing of it gets. */
  @SuppressWarnings("NullAway") // The compact constructor turns absent fields into defaults.
  public static Adapter defaults() {
    return new Adapter(
        null, null, null, null, null, null, null, null, null, null, null, null, null);
  }
}
