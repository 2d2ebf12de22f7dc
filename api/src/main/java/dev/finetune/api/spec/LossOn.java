package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Which tokens of an example are learned. */
public enum LossOn {
  /** Completions, outputs and the turns of the assistant. */
  @JsonProperty("answers")
  ANSWERS,
  /** Every token. */
  @JsonProperty("all")
  ALL
}
