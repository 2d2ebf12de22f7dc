package dev.finetune.trainer.audit;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What is unusual about a row and may be meant so: it is told, and nothing is done about it. */
public enum Note {
  /** It begins with two tokens that begin a text. */
  @JsonProperty("doubledBos")
  DOUBLED_BOS,
  /** Tokens that end a text are in it, and none is learned. */
  @JsonProperty("unlearnedEos")
  UNLEARNED_EOS,
  /** No token that ends a text is in it, and not because it was cut. */
  @JsonProperty("missingEos")
  MISSING_EOS
}
