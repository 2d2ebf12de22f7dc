package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/** How the rows of a data set are read. */
public enum DatasetFormat {
  /** Rows of {@code instruction}, {@code input} and {@code output}. */
  @JsonProperty("alpaca")
  ALPACA,
  /** Rows of {@code prompt} and {@code completion}; only the completion is learned. */
  @JsonProperty("promptCompletion")
  PROMPT_COMPLETION,
  /** Rows of {@code text}; every token is learned. */
  @JsonProperty("text")
  TEXT,
  /**
   * Rows of {@code input_ids} and {@code labels}, tokenized by the user; label -100 is not learned.
   */
  @JsonProperty("tokens")
  TOKENS
}
