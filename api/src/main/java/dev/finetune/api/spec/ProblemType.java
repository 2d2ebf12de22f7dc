package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What a text classifier predicts, in the words of transformers. */
public enum ProblemType {
  /** Exactly one label. */
  @JsonProperty("singleLabel")
  SINGLE_LABEL,
  /** Any number of labels. */
  @JsonProperty("multiLabel")
  MULTI_LABEL,
  /** A number. */
  @JsonProperty("regression")
  REGRESSION
}
