package dev.finetune.local.runner;

import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobCondition;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * What the Job controller does next with one Job: a pure function of the Job and its pods.
 *
 * @param create whether a pod is to be made
 * @param delete pods to delete
 * @param counted pods that ended and are booked now, so that they may go
 * @param failed failed pods of the Job, those booked now included
 * @param succeeded succeeded pods of the Job, those booked now included
 * @param end how the Job ends now, if it does
 */
record JobStep(
    boolean create,
    List<Pod> delete,
    List<Pod> counted,
    int failed,
    int succeeded,
    Optional<End> end) {
  /** Finalizer that keeps a pod until the Job has booked how it ended. */
  static final String TRACKING = "batch.kubernetes.io/job-tracking";

  private static final Duration FIRST_BACK_OFF = Duration.ofSeconds(10);
  private static final Duration LONGEST_BACK_OFF = Duration.ofMinutes(10);

  /** How a Job ends. */
  record End(boolean complete, String reason, String message) {
    static End failed(String reason, String message) {
      return new End(false, reason, message);
    }
  }

  /** Decides for a Job that is not finished. */
  static JobStep of(Job job, List<Pod> pods, Instant now) {
    int failed = orZero(job.getStatus().getFailed());
    int succeeded = orZero(job.getStatus().getSucceeded());
    Optional<End> end = ending(job);
    List<Pod> counted = new ArrayList<>();
    for (Pod pod : pods) {
      if (!isTracked(pod) || !isEnded(pod)) {
        continue;
      }
      counted.add(pod);
      if (phase(pod).equals("Succeeded")) {
        succeeded++;
        continue;
      }
      switch (FailureRules.judge(job, pod)) {
        case FailureRules.Count() -> failed++;
        case FailureRules.Ignore() -> {}
        case FailureRules.FailJob(String message) -> {
          failed++;
          end = end.or(() -> Optional.of(End.failed("PodFailurePolicy", message)));
        }
      }
    }
    end = end.or(endOf(job, failed, succeeded, now));
    List<Pod> active = pods.stream().filter(pod -> !isEnded(pod)).toList();
    List<Pod> live = active.stream().filter(pod -> !isTerminating(pod)).toList();
    boolean stop = end.isPresent() || isSuspended(job);
    return new JobStep(
        !stop && wantsPod(job, active, live, succeeded) && !isBackingOff(failed, pods, now),
        stop ? live : List.of(),
        counted,
        failed,
        succeeded,
        end);
  }

  static boolean isSuspended(Job job) {
    return Boolean.TRUE.equals(job.getSpec().getSuspend());
  }

  static boolean isFinished(Job job) {
    return condition(job, "Complete").isPresent() || condition(job, "Failed").isPresent();
  }

  static boolean isEnded(Pod pod) {
    return phase(pod).equals("Succeeded") || phase(pod).equals("Failed");
  }

  static boolean isTerminating(Pod pod) {
    return pod.getMetadata().getDeletionTimestamp() != null;
  }

  static boolean isTracked(Pod pod) {
    return pod.getMetadata().getFinalizers().contains(TRACKING);
  }

  static String phase(Pod pod) {
    String phase = pod.getStatus() == null ? null : pod.getStatus().getPhase();
    return phase == null ? "Pending" : phase;
  }

  /** Returns a condition that is true. */
  static Optional<JobCondition> condition(Job job, String type) {
    return job.getStatus().getConditions().stream()
        .filter(one -> one.getType().equals(type) && one.getStatus().equals("True"))
        .findFirst();
  }

  static int orZero(@Nullable Integer number) {
    return number == null ? 0 : number;
  }

  /** Returns the end that was decided earlier, while pods still had to go. */
  private static Optional<End> ending(Job job) {
    return condition(job, "FailureTarget")
        .map(target -> End.failed(target.getReason(), target.getMessage()));
  }

  private static Supplier<Optional<End>> endOf(Job job, int failed, int succeeded, Instant now) {
    return () -> {
      if (succeeded >= completions(job)) {
        return Optional.of(
            new End(true, "CompletionsReached", "Reached expected number of succeeded pods"));
      }
      if (failed > job.getSpec().getBackoffLimit()) {
        return Optional.of(
            End.failed("BackoffLimitExceeded", "Job has reached the specified backoff limit"));
      }
      Long deadline = job.getSpec().getActiveDeadlineSeconds();
      String start = job.getStatus().getStartTime();
      if (deadline != null
          && start != null
          && !isSuspended(job)
          && !now.isBefore(Instant.parse(start).plusSeconds(deadline))) {
        return Optional.of(
            End.failed("DeadlineExceeded", "Job was active longer than specified deadline"));
      }
      return Optional.empty();
    };
  }

  private static boolean wantsPod(Job job, List<Pod> active, List<Pod> live, int succeeded) {
    // With the policy Failed a replacement waits until the pod before it has ended.
    boolean waits = "Failed".equals(job.getSpec().getPodReplacementPolicy());
    int there = waits ? active.size() : live.size();
    int wanted = Math.min(job.getSpec().getParallelism(), completions(job) - succeeded);
    return there < wanted;
  }

  private static boolean isBackingOff(int failed, List<Pod> pods, Instant now) {
    if (failed == 0) {
      return false;
    }
    Optional<Instant> last =
        pods.stream()
            .filter(pod -> phase(pod).equals("Failed"))
            .flatMap(pod -> pod.getStatus().getContainerStatuses().stream())
            .filter(container -> container.getState().getTerminated() != null)
            .map(container -> Instant.parse(container.getState().getTerminated().getFinishedAt()))
            .max(Instant::compareTo);
    Duration wait = FIRST_BACK_OFF.multipliedBy(1L << Math.min(failed - 1, 6));
    Duration bounded = wait.compareTo(LONGEST_BACK_OFF) > 0 ? LONGEST_BACK_OFF : wait;
    return last.isPresent() && now.isBefore(last.get().plus(bounded));
  }

  private static int completions(Job job) {
    Integer completions = job.getSpec().getCompletions();
    return completions == null ? 1 : completions;
  }
}
