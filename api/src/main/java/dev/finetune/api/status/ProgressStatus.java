package dev.finetune.api.status;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.crd.generator.annotation.PrinterColumn;
import org.jspecify.annotations.Nullable;

/** How far the trainer is; owned by the field manager finetune-progress. */
@JsonInclude(JsonInclude.Include.NON_NULL)
public record ProgressStatus(
    @JsonPropertyDescription("Optimizer steps completed.") @Nullable Integer step,
    @JsonPropertyDescription("Optimizer steps of the run.") @Nullable Integer totalSteps,
    @PrinterColumn(name = "STEP")
        @JsonPropertyDescription("Steps completed and steps of the run, such as 120/500.")
        @Nullable String steps,
    @PrinterColumn(name = "LOSS")
        @JsonPropertyDescription("Training loss of the last step, nats per supervised token.")
        @Nullable String loss,
    @JsonPropertyDescription("Last held-out loss, nats per supervised token.")
        @Nullable String evalLoss,
    @JsonPropertyDescription(
            "The newest evaluation, such as step 120: loss 1.31, general loss 3.05; still improving.")
        @Nullable String evaluation,
    @PrinterColumn(name = "TOK/S") @JsonPropertyDescription("Tokens trained on per second.")
        @Nullable String tokensPerSecond,
    @PrinterColumn(name = "ETA") @JsonPropertyDescription("Time left at this speed, such as 6m.")
        @Nullable String eta,
    @JsonPropertyDescription("When the run will end at this speed, RFC 3339.")
        @Nullable String estimatedEnd,
    @JsonPropertyDescription("Attempt of the trainer that reported this.")
        @Nullable Integer attempt,
    @JsonPropertyDescription("Step that this attempt went on from, 0 if it began the run.")
        @Nullable Integer resumedFromStep,
    @PrinterColumn(name = "CHECKPOINT", priority = 1)
        @JsonPropertyDescription("Step of the newest checkpoint.")
        @Nullable Integer checkpointStep,
    @JsonPropertyDescription("Milliseconds that the last checkpoint took to be saved.")
        @Nullable Integer timeToSaveMillis,
    @JsonPropertyDescription(
            "Milliseconds from the start of the trainer to the end of the first step of this attempt.")
        @Nullable Integer timeToResumeMillis,
    @JsonPropertyDescription(
            "Seconds of training that are in no checkpoint yet: what a crash would lose.")
        @Nullable Integer workAtRiskSeconds,
    @JsonPropertyDescription(
            "The newest request for a checkpoint (annotation finetune.dev/checkpoint-now) that is answered.")
        @Nullable String checkpointRequest,
    @JsonPropertyDescription("Resident memory of the trainer in bytes.") @Nullable Long memoryBytes,
    @JsonPropertyDescription("When the trainer last reported, RFC 3339.")
        @Nullable String lastUpdateTime) {}
