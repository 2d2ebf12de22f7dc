package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/** A taint that the trainer pod accepts. */
public record Toleration(
    @JsonPropertyDescription("Key of the taint; empty with operator Exists matches all.")
        @Size(max = 317)
        @Nullable String key,
    @JsonPropertyDescription("Exists or Equal. Default Equal.") @Size(max = 16)
        @Nullable String operator,
    @JsonPropertyDescription("Value of the taint, for operator Equal.") @Size(max = 63)
        @Nullable String value,
    @JsonPropertyDescription("NoSchedule, PreferNoSchedule or NoExecute; empty matches all.")
        @Size(max = 32)
        @Nullable String effect,
    @JsonPropertyDescription("Seconds that a NoExecute taint is tolerated.")
        @Nullable Long tolerationSeconds) {}
