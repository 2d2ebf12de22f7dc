package dev.finetune.api.status;

/** Why a condition is as it is. */
public enum Reason {
  /** The operator has seen the job and made nothing yet. */
  Accepted,
  /** A Job was made and its pod is not there yet. */
  Creating,
  /** Kueue has not admitted the job yet. */
  QuotaPending,
  /** No node fits yet. */
  Unschedulable,
  /** The image cannot be pulled yet. */
  ImagePull,
  /** A volume cannot be mounted yet, or the container cannot be made. */
  Volume,
  /** The trainer reads model and data. */
  Starting,
  /** The trainer trains. */
  Training,
  /** The pod was replaced after an eviction, a preemption or a deletion. */
  Interrupted,
  /** The next attempt waits for its back-off. */
  BackOff,
  /** The user asked for suspension. */
  SuspendRequested,
  /** The state is being saved before the pod ends. */
  Suspending,
  /** The job is not suspended. */
  NotSuspended,
  /** The adapter is delivered. */
  Delivered,
  /** The job goes on. */
  InProgress,
  /** The job has ended. */
  Ended,
  /** The spec breaks a rule that the API server did not check. */
  SpecInvalid,
  /** The trainer found configuration, data or model wrong: exit 42. */
  InvalidInput,
  /** A loss or gradient was not finite: exit 43. */
  Diverged,
  /** The plan does not fit in memory: exit 44. */
  PlanDoesNotFit,
  /** The trainer ran out of memory: exit 45 or OOMKilled. */
  OutOfMemory,
  /** A newer attempt owns the run: exit 76. */
  Fenced,
  /** The object storage could not be reached: exit 77. */
  StorageUnreachable,
  /** An object of the run in storage is missing, cut or changed. */
  RunBroken,
  /** The Job was deleted while it ran. */
  Deleted,
  /** The trainer crashed. */
  Crashed,
  /** The process was asked to stop and saved its state: exit 75. */
  Yielded,
  /** As many attempts as allowed failed without progress. */
  RetriesExhausted,
  /** The operator could not do its work; it tries again. */
  ReconcileError
}
