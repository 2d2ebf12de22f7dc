package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What is done when the loss on general text has grown more than it may. */
public enum OnForgetting {
  /** It is reported. */
  @JsonProperty("report")
  REPORT,
  /** The best adapter within the limit is delivered. */
  @JsonProperty("select")
  SELECT,
  /** Training stops, and the best adapter within the limit is delivered. */
  @JsonProperty("stop")
  STOP
}
