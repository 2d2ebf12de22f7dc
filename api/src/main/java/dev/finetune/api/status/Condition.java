package dev.finetune.api.status;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/** One statement about a job, as metav1.Condition; a list of them is a map by type. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record Condition(
    @Required @Size(max = 316) @JsonPropertyDescription("Type of the condition.") String type,
    @Required @Size(max = 16) @JsonPropertyDescription("True, False or Unknown.") String status,
    @JsonPropertyDescription("Generation of the spec that the condition is about.")
        @Nullable Long observedGeneration,
    @Required @JsonPropertyDescription("When the status last changed, RFC 3339.")
        String lastTransitionTime,
    @Required @Size(max = 1024) @JsonPropertyDescription("CamelCase word for programs.")
        String reason,
    @Required @Size(max = 32768) @JsonPropertyDescription("Sentence for people.") String message) {}
