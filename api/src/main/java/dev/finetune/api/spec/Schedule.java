package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** How the learning rate changes after warm-up. */
public enum Schedule {
  /** Falls in a straight line to zero at the last step. */
  @JsonProperty("linear")
  LINEAR,
  /** Falls along half a cosine to zero at the last step. */
  @JsonProperty("cosine")
  COSINE,
  /** Stays. */
  @JsonProperty("constant")
  CONSTANT
}
