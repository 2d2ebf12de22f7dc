package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What the model is trained to do. */
public enum Task {
  /** Predict the next token. */
  @JsonProperty("CausalLM")
  CAUSAL_LM,
  /** Predict the label, the labels or the number of a text. */
  @JsonProperty("SequenceClassification")
  SEQUENCE_CLASSIFICATION,
  /** Predict a label for every word of a text. */
  @JsonProperty("TokenClassification")
  TOKEN_CLASSIFICATION
}
