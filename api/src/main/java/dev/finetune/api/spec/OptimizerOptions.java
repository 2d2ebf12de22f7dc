package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import org.jspecify.annotations.Nullable;

/** Constants of an optimizer. Each belongs to the optimizers that its description names. */
public record OptimizerOptions(
    @JsonPropertyDescription(
            "AdamW, AdamW8bit: decay of the mean of gradients, 0 to 1 (exclusive). Default 0.9.")
        @Min(0)
        @Max(value = 1, inclusive = false)
        @Nullable Double beta1,
    @JsonPropertyDescription(
            "AdamW, AdamW8bit: decay of the mean of squared gradients, 0 to 1 (exclusive). Default 0.999.")
        @Min(0)
        @Max(value = 1, inclusive = false)
        @Nullable Double beta2,
    @JsonPropertyDescription(
            "AdamW, AdamW8bit: added to the root of the second moment. Default 1e-8.")
        @Min(value = 0, inclusive = false)
        @Max(1)
        @Nullable Double epsilon,
    @JsonPropertyDescription("SGD: momentum, 0 to 1 (exclusive). Default 0.")
        @Min(0)
        @Max(value = 1, inclusive = false)
        @Nullable Double momentum) {}
