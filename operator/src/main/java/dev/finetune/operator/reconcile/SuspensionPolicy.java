package dev.finetune.operator.reconcile;

import dev.finetune.api.status.ConditionType;
import dev.finetune.api.status.Reason;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.dependent.KueueWorkload;
import dev.finetune.operator.desired.Labels;
import dev.finetune.operator.status.Conditions;
import dev.finetune.operator.status.Situation;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/**
 * Stops and resumes. While the spec asks for suspension there is no new Job, and a running one is
 * stopped by its own suspend. A Job in a Kueue queue is Kueue's to start and to stop: it is stopped
 * through its Workload, and if it is suspended otherwise, it waits for quota.
 */
final class SuspensionPolicy {
  private static final Set<String> ENDED = Set.of("Succeeded", "Failed");

  private SuspensionPolicy() {}

  /** Returns how a job stands that is suspended and has no Job to stop. */
  static Situation stopped() {
    return new Situation.Suspended(Reason.SuspendRequested, "spec.suspend is true");
  }

  /** Returns what is to be done about a Job that has not finished, or empty if it may run. */
  static Optional<Decision> decide(Observation observation, Job job, Duration recheck) {
    boolean asked = observation.job().getSpec().suspend();
    return Labels.queue(job).isPresent()
        ? queued(observation, job, asked, recheck)
        : unqueued(observation, job, asked, recheck);
  }

  private static Optional<Decision> unqueued(
      Observation observation, Job job, boolean asked, Duration recheck) {
    int number = Labels.number(job);
    boolean suspended = JobState.isSuspended(job);
    if (asked) {
      return Optional.of(
          suspended
              ? new Decision.Wait(suspended(observation, number), recheck)
              : new Decision.SuspendJob(number, stopping()));
    }
    return suspended
        ? Optional.of(
            new Decision.ResumeJob(
                number, new Situation.Pending(Reason.Creating, "the Job goes on")))
        : Optional.empty();
  }

  private static Optional<Decision> queued(
      Observation observation, Job job, boolean asked, Duration recheck) {
    KueueWorkload workload = observation.workload();
    boolean suspended = JobState.isSuspended(job);
    if (asked) {
      return Optional.of(stopQueued(observation, job, recheck));
    }
    if (workload != null && !workload.active()) {
      return Optional.of(new Decision.SetWorkloadActive(workload, true, quotaPending(job)));
    }
    return suspended
        ? Optional.of(new Decision.Wait(quotaPending(job), recheck))
        : Optional.empty();
  }

  private static Decision stopQueued(Observation observation, Job job, Duration recheck) {
    KueueWorkload workload = observation.workload();
    int number = Labels.number(job);
    if (workload != null && workload.active()) {
      return new Decision.SetWorkloadActive(workload, false, stopping());
    }
    if (JobState.isSuspended(job)) {
      return new Decision.Wait(suspended(observation, number), recheck);
    }
    // Without a Workload, someone else than Kueue started the Job, and nobody starts it again.
    return workload == null
        ? new Decision.SuspendJob(number, stopping())
        : new Decision.Wait(stopping(), recheck);
  }

  /**
   * Returns whether the Workload of a Job matters: the user asks for suspension, or has asked until
   * now. An administrator's switch is left alone.
   */
  static boolean concernsWorkload(FineTuneJob job, Job child) {
    return Labels.queue(child).isPresent()
        && (job.getSpec().suspend() || Conditions.isTrue(job, ConditionType.Suspended));
  }

  private static Situation suspended(Observation observation, int number) {
    boolean runs = observation.podsOf(number).stream().anyMatch(SuspensionPolicy::isActive);
    return runs ? stopping() : stopped();
  }

  private static Situation stopping() {
    return new Situation.Suspended(Reason.Suspending, "the trainer saves its state and stops");
  }

  private static Situation quotaPending(Job job) {
    return new Situation.Pending(
        Reason.QuotaPending,
        "Kueue has not admitted the job to queue " + Labels.queue(job).orElse("") + " yet");
  }

  private static boolean isActive(Pod pod) {
    return pod.getStatus() == null || !ENDED.contains(String.valueOf(pod.getStatus().getPhase()));
  }
}
