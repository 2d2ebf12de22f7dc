package dev.finetune.operator.reconcile;

import dev.finetune.api.run.Progress;
import dev.finetune.api.status.Reason;
import dev.finetune.operator.progress.RunReading;
import dev.finetune.operator.status.Situation;
import dev.finetune.operator.status.Texts;
import io.fabric8.kubernetes.api.model.ContainerState;
import io.fabric8.kubernetes.api.model.ContainerStateWaiting;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodCondition;
import java.util.Optional;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** How a job stands while its Job is neither suspended nor finished: what its pod waits for. */
final class PodSituation {
  private static final Set<String> IMAGE =
      Set.of(
          "ErrImagePull",
          "ImagePullBackOff",
          "InvalidImageName",
          "ErrImageNeverPull",
          "ImageInspectError",
          "RegistryUnavailable");
  private static final Set<String> NOT_MADE =
      Set.of("CreateContainerConfigError", "CreateContainerError", "RunContainerError");

  private PodSituation() {}

  static Situation of(Observation observation, int number) {
    Optional<Pod> newest = observation.newestPod(number);
    if (newest.isEmpty()) {
      return new Situation.Pending(Reason.Creating, "the Job was made, its pod is not there yet");
    }
    Pod pod = newest.get();
    String phase = pod.getStatus() == null ? null : pod.getStatus().getPhase();
    if (pod.getMetadata().getDeletionTimestamp() != null) {
      return new Situation.Pending(
          Reason.Interrupted, "the pod is being stopped; another takes its place");
    }
    return switch (phase == null ? "Pending" : phase) {
      case "Running" -> running(pod, observation.run());
      case "Failed" ->
          new Situation.Pending(Reason.Interrupted, "the pod was stopped; another takes its place");
      case "Succeeded" ->
          new Situation.Running(Reason.Training, "the trainer is done; its Job is not yet");
      default -> pending(pod);
    };
  }

  private static Situation running(Pod pod, RunReading run) {
    Optional<ContainerStateWaiting> waiting = waiting(pod);
    if (waiting.isPresent() && isStuck(waiting.get().getReason())) {
      return pending(pod);
    }
    if (run.access() == RunReading.Access.UNREACHABLE) {
      return new Situation.Running(
          Reason.StorageUnreachable, "the trainer runs; progress is unknown: " + run.message());
    }
    if (run.access() == RunReading.Access.NOT_READABLE) {
      return new Situation.Running(
          Reason.Training, "the trainer runs; progress is unknown: " + run.message());
    }
    if (!run.message().isEmpty()) {
      return new Situation.Running(
          Reason.RunBroken, "the trainer runs; progress is unknown: " + run.message());
    }
    Progress progress = run.progress();
    if (progress == null || isOlder(progress, pod)) {
      return starting();
    }
    return switch (progress.state()) {
      case STARTING -> starting();
      case TRAINING, EVALUATING, DONE, FAILED -> new Situation.Running(Reason.Training, "training");
      case YIELDED -> starting();
    };
  }

  private static Situation starting() {
    return new Situation.Running(Reason.Starting, "the trainer reads model and data");
  }

  /** Returns whether progress was reported before the pod began, so by one that came before it. */
  private static boolean isOlder(Progress progress, Pod pod) {
    var start = JobState.time(pod.getStatus().getStartTime());
    return start != null && progress.updated().isBefore(start);
  }

  private static Situation pending(Pod pod) {
    Optional<ContainerStateWaiting> waiting = waiting(pod);
    String why = waiting.map(ContainerStateWaiting::getReason).orElse("");
    String message = waiting.map(ContainerStateWaiting::getMessage).orElse("");
    if (IMAGE.contains(why)) {
      return new Situation.Pending(Reason.ImagePull, join(why, message));
    }
    if (NOT_MADE.contains(why)) {
      return new Situation.Pending(Reason.Volume, join(why, message));
    }
    return unscheduled(pod)
        .orElseGet(
            () ->
                new Situation.Pending(
                    Reason.Creating,
                    "the pod is on its node; its image and volumes are made ready"));
  }

  private static Optional<Situation> unscheduled(Pod pod) {
    if (pod.getStatus() == null) {
      return Optional.of(new Situation.Pending(Reason.Creating, "the pod waits for a node"));
    }
    for (PodCondition condition : pod.getStatus().getConditions()) {
      if ("PodScheduled".equals(condition.getType()) && "False".equals(condition.getStatus())) {
        return Optional.of(
            new Situation.Pending(
                Reason.Unschedulable, "no node fits: " + orEmpty(condition.getMessage())));
      }
    }
    return Optional.empty();
  }

  private static Optional<ContainerStateWaiting> waiting(Pod pod) {
    return PodTermination.container(pod)
        .map(ContainerStatus::getState)
        .map(ContainerState::getWaiting);
  }

  private static boolean isStuck(@Nullable String reason) {
    return reason != null && (IMAGE.contains(reason) || NOT_MADE.contains(reason));
  }

  private static String join(String reason, String message) {
    return message.isEmpty() ? reason : Texts.clean(reason + ": " + message, 512);
  }

  private static String orEmpty(@Nullable String text) {
    return text == null ? "" : Texts.clean(text, 512);
  }
}
