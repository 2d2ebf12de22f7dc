package dev.finetune.api.status;

/** One word for the state of a job, for people; programs read the conditions. */
public enum Phase {
  /** Nothing runs yet, or no longer: queued, scheduled, pulled or backing off. */
  Pending,
  /** A trainer pod runs. */
  Running,
  /** Suspended by the user or by Kueue. */
  Suspended,
  /** The adapter is delivered. */
  Complete,
  /** Failed for good. */
  Failed
}
