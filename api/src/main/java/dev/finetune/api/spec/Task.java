package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What the model is trained to do. */
public enum Task {
  /** Predict the next token. */
  @JsonProperty("CausalLM")
  CAUSAL_LM
}
