package dev.finetune.trainer.audit;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What may be wrong with a row so that the user has to say what is done about it. */
public enum Problem {
  /** It is longer than the greatest length. */
  @JsonProperty("tooLong")
  TOO_LONG,
  /** It has no token to learn. */
  @JsonProperty("unsupervised")
  UNSUPERVISED,
  /** It cannot be read. */
  @JsonProperty("broken")
  BROKEN,
  /** Its tokens and labels are those of an earlier row. */
  @JsonProperty("duplicate")
  DUPLICATE,
  /** It is trained on and held out. */
  @JsonProperty("leaked")
  LEAKED
}
