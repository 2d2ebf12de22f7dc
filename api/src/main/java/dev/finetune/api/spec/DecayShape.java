package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** The shape of a rise or a fall of the learning rate, p being the share of its steps gone by. */
public enum DecayShape {
  /** A straight line. */
  @JsonProperty("linear")
  LINEAR,
  /** Half a cosine. */
  @JsonProperty("cosine")
  COSINE,
  /** 1 - sqrt(p). */
  @JsonProperty("oneMinusSqrt")
  ONE_MINUS_SQRT
}
