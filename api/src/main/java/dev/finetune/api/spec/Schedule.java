package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** How the learning rate changes. The formulas are those of transformers' schedulers. */
public enum Schedule {
  /** Warm-up, then a straight fall to zero at the last step. */
  @JsonProperty("linear")
  LINEAR,
  /** Warm-up, then half a cosine down to zero at the last step. */
  @JsonProperty("cosine")
  COSINE,
  /** Warm-up, then as many half cosines as there are cycles, each from the peak down to zero. */
  @JsonProperty("cosineWithRestarts")
  COSINE_WITH_RESTARTS,
  /** Warm-up, then half a cosine down to a least rate at the last step. */
  @JsonProperty("cosineWithMinLr")
  COSINE_WITH_MIN_LR,
  /** Warm-up, then a fall along a power of the remaining steps. */
  @JsonProperty("polynomial")
  POLYNOMIAL,
  /** The peak from the first step on; it has no warm-up. */
  @JsonProperty("constant")
  CONSTANT,
  /** Warm-up, then the peak. */
  @JsonProperty("constantWithWarmup")
  CONSTANT_WITH_WARMUP,
  /** Warm-up, then a fall with the inverse square root of the steps. */
  @JsonProperty("inverseSqrt")
  INVERSE_SQRT,
  /** Warm-up, the peak for most of the run, and a fall at the end. */
  @JsonProperty("warmupStableDecay")
  WARMUP_STABLE_DECAY,
  /** Warm-up, then the peak, reduced whenever the held-out loss has stopped falling. */
  @JsonProperty("reduceOnPlateau")
  REDUCE_ON_PLATEAU
}
