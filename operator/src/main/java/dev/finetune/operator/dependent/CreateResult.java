package dev.finetune.operator.dependent;

import io.fabric8.kubernetes.api.model.batch.v1.Job;

/** What came of making a Job. */
public sealed interface CreateResult {
  /** The Job is there, made now or before. */
  record Made(Job job) implements CreateResult {}

  /** The FineTuneJob is no longer as it was when the decision was made. */
  record Outdated() implements CreateResult {}

  /** Something that may pass is in the way. */
  record Blocked(String message) implements CreateResult {}

  /** The API server or a rule refuses what the spec asks for; it always will. */
  record Rejected(String message) implements CreateResult {}
}
