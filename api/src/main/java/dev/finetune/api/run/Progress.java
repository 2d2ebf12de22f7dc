package dev.finetune.api.run;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * {@code progress.json} of an attempt, overwritten as it goes.
 *
 * @param attempt attempt that wrote it
 * @param state what the trainer is doing
 * @param step optimizer steps completed
 * @param totalSteps optimizer steps of the run, 0 while not known
 * @param loss training loss of the last step, nats per supervised token
 * @param evalLoss last held-out loss
 * @param tokensPerSecond tokens trained on per second, over the last steps
 * @param utilization share of the machine's rate for large matrix products that training reaches,
 *     over the same steps; the rate is measured when an attempt starts. Above 0, about 1 at most
 * @param estimatedEnd when the run will end at this speed
 * @param memoryBytes resident memory of the process
 * @param peakBytes most resident memory of the process so far
 * @param predictedPeakBytes the same as the memory plan predicted it
 * @param checkpointStep step of the newest checkpoint of the run
 * @param resumedFromStep step that this attempt went on from, 0 if it began the run
 * @param timeToSaveSeconds seconds that the last checkpoint took from the copy of the state to the
 *     write of the head that lists it
 * @param timeToResumeSeconds seconds from the start of the process to the end of the first step of
 *     this attempt
 * @param workAtRiskSeconds seconds of training since the state that the newest checkpoint holds:
 *     the work that a crash would lose now
 * @param evaluation what the newest evaluation of the run measured
 * @param checkpointRequest id of the newest {@link CheckpointRequest} that is answered
 * @param lastWord why the attempt ended, or what it waits for
 * @param updated when this was written
 */
public record Progress(
    int attempt,
    State state,
    int step,
    int totalSteps,
    @Nullable Double loss,
    @Nullable Double evalLoss,
    @Nullable Double tokensPerSecond,
    @Nullable Double utilization,
    @Nullable Instant estimatedEnd,
    @Nullable Long memoryBytes,
    @Nullable Long peakBytes,
    @Nullable Long predictedPeakBytes,
    @Nullable Integer checkpointStep,
    int resumedFromStep,
    @Nullable Double timeToSaveSeconds,
    @Nullable Double timeToResumeSeconds,
    @Nullable Double workAtRiskSeconds,
    @Nullable EvaluationPoint evaluation,
    @Nullable String checkpointRequest,
    @Nullable String lastWord,
    Instant updated) {
  /**
   * Makes one that says nothing of the peak of memory, of evaluations, nor of the time that
   * checkpoints take.
   */
  public Progress(
      int attempt,
      State state,
      int step,
      int totalSteps,
      @Nullable Double loss,
      @Nullable Double evalLoss,
      @Nullable Double tokensPerSecond,
      @Nullable Double utilization,
      @Nullable Instant estimatedEnd,
      @Nullable Long memoryBytes,
      @Nullable Integer checkpointStep,
      int resumedFromStep,
      @Nullable String lastWord,
      Instant updated) {
    this(
        attempt,
        state,
        step,
        totalSteps,
        loss,
        evalLoss,
        tokensPerSecond,
        utilization,
        estimatedEnd,
        memoryBytes,
        null,
        null,
        checkpointStep,
        resumedFromStep,
        null,
        null,
        null,
        null,
        null,
        lastWord,
        updated);
  }

  /** What a trainer is doing. */
  public enum State {
    /** Reading model and data. */
    @JsonProperty("Starting")
    STARTING,
    /** Training. */
    @JsonProperty("Training")
    TRAINING,
    /** Measuring the held-out loss. */
    @JsonProperty("Evaluating")
    EVALUATING,
    /** The adapter is delivered. */
    @JsonProperty("Done")
    DONE,
    /** Asked to stop, state saved. */
    @JsonProperty("Yielded")
    YIELDED,
    /** Ended by an error; {@code lastWord} says which. */
    @JsonProperty("Failed")
    FAILED
  }
}
