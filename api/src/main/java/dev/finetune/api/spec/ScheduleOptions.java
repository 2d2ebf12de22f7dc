package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import org.jspecify.annotations.Nullable;

/** What shapes a schedule. Each option belongs to the schedules that its description names. */
public record ScheduleOptions(
    @JsonPropertyDescription(
            "cosine, cosineWithMinLr: waves, default 0.5; cosineWithRestarts: whole falls, default 1.")
        @Min(value = 0, inclusive = false)
        @Max(1000)
        @Nullable Double cycles,
    @JsonPropertyDescription(
            "cosineWithMinLr, warmupStableDecay: least rate as a share of the peak, 0 to 1; the warm-up of warmupStableDecay begins there too. Default 0.1 and 0.")
        @Min(0)
        @Max(1)
        @Nullable Double minLearningRateRatio,
    @JsonPropertyDescription("polynomial: rate at the end, below learningRate. Default 1e-7.")
        @Min(0)
        @Max(1)
        @Nullable Double endLearningRate,
    @JsonPropertyDescription("polynomial: exponent. Default 1.")
        @Min(value = 0, inclusive = false)
        @Max(100)
        @Nullable Double power,
    @JsonPropertyDescription(
            "inverseSqrt: steps of the time scale. Default warmupSteps, or 10000 without warm-up.")
        @Min(1)
        @Max(10000000)
        @Nullable Integer timescale,
    @JsonPropertyDescription(
            "warmupStableDecay: optimizer steps of the fall at the end, at most those after the warm-up. Default a tenth of the run, rounded up.")
        @Min(1)
        @Max(10000000)
        @Nullable Integer decaySteps,
    @JsonPropertyDescription(
            "warmupStableDecay: shape of the fall, linear, cosine or oneMinusSqrt. Default cosine.")
        @Nullable DecayShape decayShape,
    @JsonPropertyDescription(
            "warmupStableDecay: shape of the warm-up, linear, cosine or oneMinusSqrt. Default linear.")
        @Nullable DecayShape warmupShape,
    @JsonPropertyDescription(
            "reduceOnPlateau: factor of the rate at each reduction, above 0 and below 1. Default 0.1.")
        @Min(value = 0, inclusive = false)
        @Max(value = 1, inclusive = false)
        @Nullable Double factor,
    @JsonPropertyDescription(
            "reduceOnPlateau: evaluations without a better loss that are tolerated. Default 10.")
        @Min(0)
        @Max(10000)
        @Nullable Integer patience,
    @JsonPropertyDescription(
            "reduceOnPlateau: share by which a loss must be lower to count as better. Default 0.0001.")
        @Min(0)
        @Max(1)
        @Nullable Double threshold,
    @JsonPropertyDescription(
            "reduceOnPlateau: evaluations after a reduction that do not count. Default 0.")
        @Min(0)
        @Max(10000)
        @Nullable Integer cooldown,
    @JsonPropertyDescription("reduceOnPlateau: least rate. Default 0.") @Min(0) @Max(1)
        @Nullable Double minLearningRate) {
  /** Rate at which a polynomial ends unless another one is set. */
  public static final double END_LEARNING_RATE = 1e-7;

  private static final ScheduleOptions NONE =
      new ScheduleOptions(
          null, null, null, null, null, null, null, null, null, null, null, null, null);

  /** Returns options of which none is set. */
  public static ScheduleOptions none() {
    return NONE;
  }
}
