package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import org.jspecify.annotations.Nullable;

/** When the state of the run is saved and how many states are kept. */
public record CheckpointPolicy(
    @JsonPropertyDescription(
            "Optimizer steps from one checkpoint to the next. Default: only by time.")
        @Min(1)
        @Max(1000000)
        @Nullable Integer everySteps,
    @JsonPropertyDescription("Minutes from one checkpoint to the next. Default 10.")
        @Min(1)
        @Max(1440)
        @Default("10")
        Integer everyMinutes,
    @JsonPropertyDescription("Newest checkpoints to keep. Default 3.")
        @Min(1)
        @Max(100)
        @Default("3")
        Integer keepLast,
    @JsonPropertyDescription("Checkpoints of the least held-out loss to keep besides. Default 1.")
        @Min(0)
        @Max(100)
        @Default("1")
        Integer keepBest) {
  /** Fills in the defaults of absent fields, the same as the CRD states. */
  public CheckpointPolicy {
    everyMinutes = everyMinutes == null ? 10 : everyMinutes;
    keepLast = keepLast == null ? 3 : keepLast;
    keepBest = keepBest == null ? 1 : keepBest;
  }

  /** Returns what a job that says nothing of it gets. */
  @SuppressWarnings("NullAway") // The compact constructor turns absent fields into defaults.
  public static CheckpointPolicy defaults() {
    return new CheckpointPolicy(null, null, null, null);
  }
}
