package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonPropertyDescription;
import io.fabric8.generator.annotation.Default;
import io.fabric8.generator.annotation.Max;
import io.fabric8.generator.annotation.Min;
import io.fabric8.generator.annotation.ValidationRule;
import org.jspecify.annotations.Nullable;

/** Hyperparameters. */
@ValidationRule(
    value = "!(has(self.epochs) && has(self.maxSteps))",
    message = EitherOr.EPOCHS,
    fieldPath = ".maxSteps")
@ValidationRule(
    value = "!(has(self.warmupSteps) && has(self.warmupRatio))",
    message = EitherOr.WARMUP,
    fieldPath = ".warmupRatio")
public record Training(
    @JsonPropertyDescription(
            "Passes over the training rows. Default 1. Not together with maxSteps.")
        @Min(1)
        @Max(1000)
        @Nullable Integer epochs,
    @JsonPropertyDescription("Optimizer steps. Not together with epochs.") @Min(1) @Max(10000000)
        @Nullable Integer maxSteps,
    @JsonPropertyDescription("Peak learning rate of AdamW, above 0 and at most 1. Default 0.0002.")
        @Min(value = 0, inclusive = false)
        @Max(1)
        @Default("0.0002")
        Double learningRate,
    @JsonPropertyDescription(
            "How the learning rate changes after warm-up: linear, cosine or constant. Default linear.")
        @Default("linear")
        Schedule schedule,
    @JsonPropertyDescription(
            "Optimizer steps in which the learning rate rises from 0. Default 0. Not together with warmupRatio.")
        @Min(0)
        @Max(1000000)
        @Nullable Integer warmupSteps,
    @JsonPropertyDescription(
            "Share of the optimizer steps in which the learning rate rises from 0, 0 to 1, rounded up to steps. Not together with warmupSteps.")
        @Min(0)
        @Max(1)
        @Nullable Double warmupRatio,
    @JsonPropertyDescription("Decoupled weight decay of AdamW, 0 to 1. Default 0.")
        @Min(0)
        @Max(1)
        @Default("0")
        Double weightDecay,
    @JsonPropertyDescription(
            "Gradients are scaled down to this L2 norm; 0 switches that off. Default 1.")
        @Min(0)
        @Max(1000000)
        @Default("1")
        Double maxGradientNorm,
    @JsonPropertyDescription("Examples in one optimizer step. Default 16.")
        @Min(1)
        @Max(65536)
        @Default("16")
        Integer globalBatchSize,
    @JsonPropertyDescription("Tokens at which an example is cut. Default 1024.")
        @Min(2)
        @Max(1048576)
        @Default("1024")
        Integer maxLength,
    @JsonPropertyDescription(
            "Whether the order of the examples is drawn anew in each epoch. Default true.")
        @Default("true")
        Boolean shuffle,
    @JsonPropertyDescription("Seed of every random number of the run. Default 42.")
        @Min(0)
        @Max(9007199254740991.0)
        @Default("42")
        Long seed,
    @JsonPropertyDescription(
            "Data type of base weights and products: auto, fp32 or bf16. Default auto.")
        @Default("auto")
        Precision precision) {
  /** Fills in the defaults of absent fields, the same as the CRD states. */
  public Training {
    learningRate = learningRate == null ? 2e-4 : learningRate;
    schedule = schedule == null ? Schedule.LINEAR : schedule;
    weightDecay = weightDecay == null ? 0.0 : weightDecay;
    maxGradientNorm = maxGradientNorm == null ? 1.0 : maxGradientNorm;
    globalBatchSize = globalBatchSize == null ? 16 : globalBatchSize;
    maxLength = maxLength == null ? 1024 : maxLength;
    shuffle = shuffle == null ? true : shuffle;
    seed = seed == null ? 42L : seed;
    precision = precision == null ? Precision.AUTO : precision;
  }

  /** Returns what a job that says nothing of it gets. */
  @SuppressWarnings("NullAway") // The compact constructor turns absent fields into defaults.
  public static Training defaults() {
    return new Training(
        null, null, null, null, null, null, null, null, null, null, null, null, null);
  }
}
