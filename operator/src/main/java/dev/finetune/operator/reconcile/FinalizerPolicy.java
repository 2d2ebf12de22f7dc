package dev.finetune.operator.reconcile;

import dev.finetune.api.spec.DeletionPolicy;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.dependent.Finalizers;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import java.time.Duration;
import java.time.Instant;
import java.util.List;

/**
 * When a job has a finalizer, and what is next for one that is being deleted. Only {@code
 * DeleteAll} needs a finalizer; every other job goes without the operator.
 */
final class FinalizerPolicy {
  private FinalizerPolicy() {}

  /** What becomes of the finalizer. */
  enum Step {
    /** It is as it must be. */
    NOTHING,
    /** It must be set. */
    ADD,
    /** It must go: the user keeps the run. */
    REMOVE,
    /** The job is deleted, and the run with it. */
    CLEAN_UP
  }

  /** What is next in a deletion. */
  enum Cleaning {
    /** Waited long enough: the job goes and the run stays. */
    GIVE_UP,
    /** The Jobs must be deleted, so that their pods stop. */
    DELETE_JOBS,
    /** A pod is still there, and may still write. */
    AWAIT_PODS,
    /** The folder of the run may be deleted. */
    DELETE_RUN
  }

  static Step decide(FineTuneJob job) {
    boolean deleted = job.getMetadata().getDeletionTimestamp() != null;
    boolean wanted = policy(job) == DeletionPolicy.DELETE_ALL;
    if (!Finalizers.has(job)) {
      return wanted && !deleted ? Step.ADD : Step.NOTHING;
    }
    if (!wanted) {
      return Step.REMOVE;
    }
    return deleted ? Step.CLEAN_UP : Step.NOTHING;
  }

  /**
   * Returns what is next for a job that is being deleted with its run.
   *
   * @param jobs its Jobs as the API server has them
   * @param pods pods of any Job that it ever had
   */
  static Cleaning clean(
      FineTuneJob job, List<Job> jobs, List<Pod> pods, Instant now, Duration deadline) {
    if (isLate(job, now, deadline)) {
      return Cleaning.GIVE_UP;
    }
    if (jobs.stream().anyMatch(child -> child.getMetadata().getDeletionTimestamp() == null)) {
      return Cleaning.DELETE_JOBS;
    }
    return jobs.isEmpty() && pods.isEmpty() ? Cleaning.DELETE_RUN : Cleaning.AWAIT_PODS;
  }

  /** Returns whether a deletion has lasted longer than the deadline allows. */
  static boolean isLate(FineTuneJob job, Instant now, Duration deadline) {
    Instant deleted = JobState.time(job.getMetadata().getDeletionTimestamp());
    return deleted != null && !now.isBefore(deleted.plus(deadline));
  }

  /** Returns whether checkpoints of a job go once it is complete. */
  static boolean deletesCheckpoints(FineTuneJob job) {
    return switch (policy(job)) {
      case KEEP_ALL -> false;
      case DELETE_CHECKPOINTS, DELETE_ALL -> true;
    };
  }

  private static DeletionPolicy policy(FineTuneJob job) {
    return job.getSpec().deletionPolicy();
  }
}
