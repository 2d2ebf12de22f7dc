package dev.finetune.api.status;

/** Types of conditions. The first three are for kstatus, the others for people. */
public enum ConditionType {
  /** The job is complete: what was asked for is there. */
  Ready,
  /** The operator still works towards the end; true while the job runs, waits or is suspended. */
  Reconciling,
  /** The operator cannot go on without a change by a person. */
  Stalled,
  /** The job waits for quota, a node, an image or a volume. */
  Queued,
  /** A trainer pod runs. */
  Running,
  /** The job is suspended. */
  Suspended,
  /** The adapter is delivered. Terminal. */
  Complete,
  /** The job failed for good. Terminal. */
  Failed
}
