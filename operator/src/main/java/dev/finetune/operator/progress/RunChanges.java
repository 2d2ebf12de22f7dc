package dev.finetune.operator.progress;

import dev.finetune.operator.api.FineTuneJob;

/**
 * Changes runs in object storage on behalf of their jobs. Every call is bounded and ends; what is
 * left is done by the next one. A storage that does not answer is an outcome, not an error.
 */
public interface RunChanges {
  /** Leaves a request for a checkpoint in the run's folder, if it is not there already. */
  Outcome requestCheckpoint(FineTuneJob job, String id);

  /**
   * Takes the checkpoints of a delivered run off its head and then deletes their files. Files of
   * checkpoints that were taken off by a call that did not end are deleted too.
   */
  Outcome deleteCheckpoints(FineTuneJob job);

  /** Fences off every trainer of a run and then deletes its folder, the head last. */
  Outcome deleteRun(FineTuneJob job);

  /** What came of a change. */
  sealed interface Outcome {
    /** Nothing is left to do; so many objects were written or deleted by this call. */
    record Done(int objects) implements Outcome {}

    /** More is left to do. */
    record Unfinished() implements Outcome {}

    /** The run is not the job's to change. It stays so. */
    record Refused(String message) implements Outcome {}

    /** By its spec or the operator's settings, the operator cannot use the storage. */
    record NotConfigured(String message) implements Outcome {}

    /** The keys are not there, or the storage does not let the operator. */
    record Denied(String message) implements Outcome {}

    /** The storage does not answer, or the run is broken; it may be otherwise later. */
    record Unavailable(String message) implements Outcome {}
  }
}
