package dev.finetune.api.status;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Required;
import io.fabric8.generator.annotation.Size;
import org.jspecify.annotations.Nullable;

/** One Job that the operator made for a FineTuneJob, kept after Job and pod are gone. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record AttemptStatus(
    @Required @JsonPropertyDescription("Number of the Job, from 1.") Integer number,
    @Required @Size(max = 63) @JsonPropertyDescription("Name of the Job.") String job,
    @JsonPropertyDescription("When the Job was made, RFC 3339.") @Nullable String startTime,
    @JsonPropertyDescription("When the Job ended, RFC 3339.") @Nullable String endTime,
    @JsonPropertyDescription("Exit code of the last container.") @Nullable Integer exitCode,
    @Size(max = 64) @JsonPropertyDescription("Why it ended.") @Nullable String reason,
    @JsonPropertyDescription("Optimizer step of the newest checkpoint when it ended.")
        @Nullable Integer checkpointStep,
    @Size(max = 4096) @JsonPropertyDescription("Last words of the trainer.")
        @Nullable String message) {}
