package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What is done about a row that cannot be learned from. */
public enum RowAction {
  /** The run ends before it trains. */
  @JsonProperty("fail")
  FAIL,
  /** The row is left out. */
  @JsonProperty("drop")
  DROP
}
