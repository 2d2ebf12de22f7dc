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
@ValidationRule(
    value =
        "!has(self.schedule) || self.schedule != 'constant' || (!has(self.warmupSteps) || self.warmupSteps == 0) && (!has(self.warmupRatio) || double(self.warmupRatio) == 0.0)",
    message = EitherOr.CONSTANT,
    fieldPath = ".schedule")
@ValidationRule(
    value = "!has(self.schedule) || self.schedule != 'reduceOnPlateau' || has(self.evalEverySteps)",
    message = EitherOr.PLATEAU,
    fieldPath = ".evalEverySteps")
@ValidationRule(
    value =
        "!has(self.scheduleOptions) || !has(self.scheduleOptions.cycles) || has(self.schedule) && self.schedule in ['cosine', 'cosineWithRestarts', 'cosineWithMinLr']",
    message = EitherOr.CYCLES,
    fieldPath = ".scheduleOptions")
@ValidationRule(
    value =
        "!has(self.scheduleOptions) || !has(self.scheduleOptions.minLearningRateRatio) || has(self.schedule) && self.schedule in ['cosineWithMinLr', 'warmupStableDecay']",
    message = EitherOr.LEAST_RATIO,
    fieldPath = ".scheduleOptions")
@ValidationRule(
    value =
        "!has(self.scheduleOptions) || (!has(self.scheduleOptions.endLearningRate) && !has(self.scheduleOptions.power)) || has(self.schedule) && self.schedule == 'polynomial'",
    message = EitherOr.POLYNOMIAL,
    fieldPath = ".scheduleOptions")
@ValidationRule(
    value =
        "!has(self.scheduleOptions) || !has(self.scheduleOptions.timescale) || has(self.schedule) && self.schedule == 'inverseSqrt'",
    message = EitherOr.TIMESCALE,
    fieldPath = ".scheduleOptions")
@ValidationRule(
    value =
        "!has(self.scheduleOptions) || (!has(self.scheduleOptions.decaySteps) && !has(self.scheduleOptions.decayShape) && !has(self.scheduleOptions.warmupShape)) || has(self.schedule) && self.schedule == 'warmupStableDecay'",
    message = EitherOr.STABLE_DECAY,
    fieldPath = ".scheduleOptions")
@ValidationRule(
    value =
        "!has(self.scheduleOptions) || (!has(self.scheduleOptions.factor) && !has(self.scheduleOptions.patience) && !has(self.scheduleOptions.threshold) && !has(self.scheduleOptions.cooldown) && !has(self.scheduleOptions.minLearningRate)) || has(self.schedule) && self.schedule == 'reduceOnPlateau'",
    message = EitherOr.PLATEAU_OPTIONS,
    fieldPath = ".scheduleOptions")
@ValidationRule(
    value =
        "!has(self.schedule) || self.schedule != 'polynomial' || double(has(self.scheduleOptions) && has(self.scheduleOptions.endLearningRate) ? self.scheduleOptions.endLearningRate : 0.0000001) < double(self.learningRate)",
    message = EitherOr.END_RATE,
    fieldPath = ".scheduleOptions.endLearningRate")
@ValidationRule(
    value =
        "!has(self.optimizerOptions) || (!has(self.optimizerOptions.beta1) && !has(self.optimizerOptions.beta2) && !has(self.optimizerOptions.epsilon)) || !has(self.optimizer) || self.optimizer in ['AdamW', 'AdamW8bit']",
    message = EitherOr.ADAM,
    fieldPath = ".optimizerOptions")
@ValidationRule(
    value =
        "!has(self.optimizerOptions) || !has(self.optimizerOptions.momentum) || has(self.optimizer) && self.optimizer == 'SGD'",
    message = EitherOr.MOMENTUM,
    fieldPath = ".optimizerOptions")
public record Training(
    @JsonPropertyDescription(
            "Passes over the training rows. Default 1. Not together with maxSteps.")
        @Min(1)
        @Max(1000)
        @Nullable Integer epochs,
    @JsonPropertyDescription("Optimizer steps. Not together with epochs.") @Min(1) @Max(10000000)
        @Nullable Integer maxSteps,
    @JsonPropertyDescription("Peak learning rate, above 0 and at most 1. Default 0.0002.")
        @Min(value = 0, inclusive = false)
        @Max(1)
        @Default("0.0002")
        Double learningRate,
    @JsonPropertyDescription(
            "How the learning rate changes: linear, cosine, cosineWithRestarts, cosineWithMinLr, polynomial, constant, constantWithWarmup, inverseSqrt, warmupStableDecay or reduceOnPlateau. Default linear.")
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
    @JsonPropertyDescription(
            "Weight decay, 0 to 1: decoupled in AdamW and Adafactor, added to the gradient in SGD. Default 0.")
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
        Precision precision,
    @JsonPropertyDescription(
            "What turns gradients into updates: AdamW, AdamW8bit, SGD or Adafactor. Default AdamW.")
        @Default("AdamW")
        Optimizer optimizer,
    @JsonPropertyDescription("Constants of the optimizer.")
        @Nullable OptimizerOptions optimizerOptions,
    @JsonPropertyDescription("What shapes the schedule.") @Nullable ScheduleOptions scheduleOptions,
    @JsonPropertyDescription(
            "Share of a label's probability that is spread over all tokens, 0 to 1 (exclusive). Default 0.")
        @Min(0)
        @Max(value = 1, inclusive = false)
        @Default("0")
        Double labelSmoothing,
    @JsonPropertyDescription(
            "NEFTune: scale of the noise that is added to embeddings while training. Default 0, none.")
        @Min(0)
        @Max(1000)
        @Default("0")
        Double neftuneNoiseAlpha,
    @JsonPropertyDescription(
            "Optimizer steps from one evaluation on held-out rows to the next. Default: only before the first and after the last step. reduceOnPlateau needs it.")
        @Min(1)
        @Max(10000000)
        @Nullable Integer evalEverySteps) {
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
    optimizer = optimizer == null ? Optimizer.ADAM_W : optimizer;
    labelSmoothing = labelSmoothing == null ? 0.0 : labelSmoothing;
    neftuneNoiseAlpha = neftuneNoiseAlpha == null ? 0.0 : neftuneNoiseAlpha;
  }

  /** Returns what a job that says nothing of it gets. */
  @SuppressWarnings("NullAway") // The compact constructor turns absent fields into defaults.
  public static Training defaults() {
    return new Training(
        null, null, null, null, null, null, null, null, null, null, null, null, null, null, null,
        null, null, null, null);
  }
}
