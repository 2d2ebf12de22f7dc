package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Which adapter of a run is delivered. */
public enum Delivered {
  /** That of the last step. */
  @JsonProperty("last")
  LAST,
  /** That of the best evaluation. */
  @JsonProperty("best")
  BEST
}
