package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonProperty;

/**
 * What of a run in object storage the operator deletes, and when. An adapter that was delivered is
 * deleted by {@link #DELETE_ALL} only.
 */
public enum DeletionPolicy {
  /** Nothing, ever. */
  @JsonProperty("KeepAll")
  KEEP_ALL,
  /** The checkpoints, once the adapter is delivered. */
  @JsonProperty("DeleteCheckpoints")
  DELETE_CHECKPOINTS,
  /** The checkpoints once the adapter is delivered, and the whole run with the job. */
  @JsonProperty("DeleteAll")
  DELETE_ALL
}
