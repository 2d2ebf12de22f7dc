package dev.finetune.trainer.chaos;

import java.util.List;

/** When in its life a trainer process is killed. */
enum Moment {
  /** While Java and the trainer start. */
  STARTING("while it starts"),
  /** Claimed, and before the run's record is frozen. */
  LOADING("while it loads", "PUT .*/progress\\.json", "PUT .*/run\\.json"),
  /** While steps are done. */
  IN_STEP("in a step"),
  /** Some files of a checkpoint are in storage. */
  HALF_UPLOADED("checkpoint half uploaded", "PUT .*/checkpoint-\\d+/optimizer\\.safetensors"),
  /** A checkpoint is whole and not listed. */
  BEFORE_HEAD(
      "between manifest and head", "PUT .*/checkpoint-\\d+/manifest\\.json", "PUT .*/head\\.json"),
  /** A checkpoint is listed, and what it replaces is still there. */
  AFTER_HEAD(
      "after the head, before deletes",
      "PUT .*/checkpoint-\\d+/manifest\\.json",
      "PUT .*/head\\.json",
      "DELETE .*/checkpoint-\\d+/.*"),
  /** At any time of its life. */
  ANY_TIME("at any time"),
  /** Some files of the adapter are in storage. */
  DELIVERING("adapter half uploaded", "PUT .*/adapter/adapter_model\\.safetensors"),
  /** The adapter is whole and the run not yet complete. */
  BEFORE_DELIVERY("before the delivery", "PUT .*/adapter/manifest\\.json", "PUT .*/head\\.json");

  private final String text;
  private final List<String> requests;

  Moment(String text, String... requests) {
    this.text = text;
    this.requests = List.of(requests);
  }

  /** Returns the requests whose last one the process is killed before; empty if it is timed. */
  List<String> requests() {
    return requests;
  }

  /** Returns whether all steps are done then. */
  boolean atTheEnd() {
    return this == DELIVERING || this == BEFORE_DELIVERY;
  }

  @Override
  public String toString() {
    return text;
  }
}
