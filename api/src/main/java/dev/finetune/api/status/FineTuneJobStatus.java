package dev.finetune.api.status;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.crd.generator.annotation.PrinterColumn;
import io.fabric8.generator.annotation.Size;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a user sees of a job. Printer columns that are not here are added where the CRD is made. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record FineTuneJobStatus(
    @JsonPropertyDescription("Generation of the spec that the operator last acted on.")
        @Nullable Long observedGeneration,
    @PrinterColumn(name = "PHASE") @JsonPropertyDescription("One word for the state of the job.")
        @Nullable Phase phase,
    @PrinterColumn(name = "MODEL") @JsonPropertyDescription("Short name of the base model.")
        @Nullable String model,
    @PrinterColumn(name = "METHOD") @JsonPropertyDescription("LoRA or QLoRA.")
        @Nullable String method,
    @JsonPropertyDescription("Folder of the run in object storage.") @Nullable String run,
    @Size(max = 16) @JsonPropertyDescription("Statements about the job, a map by type.")
        @Nullable List<Condition> conditions,
    @Size(max = 10) @JsonPropertyDescription("The last Jobs that were made, oldest first.")
        @Nullable List<AttemptStatus> attempts,
    @PrinterColumn(name = "RESTARTS")
        @JsonPropertyDescription("How often the trainer was started again.")
        @Nullable Integer restarts,
    @PrinterColumn(name = "QUEUE", priority = 1) @JsonPropertyDescription("Kueue queue of the job.")
        @Nullable String queue,
    @PrinterColumn(name = "REASON", priority = 1)
        @JsonPropertyDescription("Reason of the condition that decides the phase.")
        @Nullable String reason,
    @JsonPropertyDescription("When the first Job was made, RFC 3339.") @Nullable String startTime,
    @JsonPropertyDescription("When the job ended, RFC 3339.") @Nullable String completionTime,
    @JsonPropertyDescription("How far the trainer is.") @Nullable ProgressStatus progress,
    @JsonPropertyDescription("The delivered adapter.") @Nullable AdapterStatus adapter) {}
