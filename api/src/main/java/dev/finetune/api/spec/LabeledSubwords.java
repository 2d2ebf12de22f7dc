package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** Which sub-words of a labelled word carry its label. */
public enum LabeledSubwords {
  /** The first one. */
  @JsonProperty("first")
  FIRST,
  /** All of them. */
  @JsonProperty("all")
  ALL
}
