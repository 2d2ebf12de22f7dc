package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What is done about a row that is longer than the greatest length. */
public enum TooLongAction {
  /** The run ends before it trains. */
  @JsonProperty("fail")
  FAIL,
  /** The row is left out. */
  @JsonProperty("drop")
  DROP,
  /** The row loses its end. */
  @JsonProperty("truncate")
  TRUNCATE
}
