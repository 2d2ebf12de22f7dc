package dev.finetune.operator.reconcile;

import dev.finetune.api.status.Reason;
import dev.finetune.operator.desired.Labels;
import dev.finetune.operator.status.Situation;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;

/**
 * Stops and resumes. While the spec asks for suspension there is no new Job, and a running one is
 * stopped by its own suspend. A Job in a Kueue queue is Kueue's to start and to stop: if it is
 * suspended, it waits for quota.
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
    boolean suspended = JobState.isSuspended(job);
    int number = Labels.number(job);
    boolean queued = Labels.queue(job).isPresent();
    if (asked && !suspended && !queued) {
      return Optional.of(new Decision.SuspendJob(number, stopping()));
    }
    if (!asked && suspended && !queued) {
      return Optional.of(
          new Decision.ResumeJob(
              number, new Situation.Pending(Reason.Creating, "the Job goes on")));
    }
    if (suspended) {
      Situation situation = asked ? suspended(observation, number) : quotaPending(job);
      return Optional.of(new Decision.Wait(situation, recheck));
    }
    return Optional.empty();
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
