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
  TOKENS,
  /** Rows of {@code messages}, or of {@code conversations} as ShareGPT has them. */
  @JsonProperty("chat")
  CHAT,
  /** Rows of {@code text}, perhaps {@code text_pair}, and {@code label}. */
  @JsonProperty("labeledText")
  LABELED_TEXT,
  /** Rows of {@code tokens}, which are words, and {@code labels}, one for each. */
  @JsonProperty("labeledTokens")
  LABELED_TOKENS
}
