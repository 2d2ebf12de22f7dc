package dev.finetune.trainer.audit;

import com.fasterxml.jackson.annotation.JsonProperty;

/** What a data set is for. */
public enum Role {
  /** Rows to train on, perhaps with some to hold out. */
  @JsonProperty("train")
  TRAIN("Training data"),
  /** Rows to measure with. */
  @JsonProperty("eval")
  EVAL("Held-out data");

  private final String title;

  Role(String title) {
    this.title = title;
  }

  /** Returns how it is called at the start of a line. */
  String title() {
    return title;
  }
}
