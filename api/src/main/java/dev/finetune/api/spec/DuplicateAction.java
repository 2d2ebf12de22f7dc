package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What is done about a row that is there already. */
public enum DuplicateAction {
  /** The run ends before it trains. */
  @JsonProperty("fail")
  FAIL,
  /** The row is left out. */
  @JsonProperty("drop")
  DROP,
  /** The row is used, and reported. */
  @JsonProperty("keep")
  KEEP
}
