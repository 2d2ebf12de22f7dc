package dev.finetune.operator.reconcile;

import dev.finetune.operator.desired.TrainerJob;
import io.fabric8.kubernetes.api.model.ContainerState;
import io.fabric8.kubernetes.api.model.ContainerStateTerminated;
import io.fabric8.kubernetes.api.model.ContainerStatus;
import io.fabric8.kubernetes.api.model.Pod;
import java.util.Optional;

/** How the container of a pod ended. */
record PodTermination(int exitStatus, boolean outOfMemory, String words) {
  static Optional<PodTermination> of(Pod pod) {
    return container(pod)
        .map(ContainerStatus::getState)
        .map(ContainerState::getTerminated)
        .map(PodTermination::of);
  }

  /** Returns the status of the container that trains, if the pod has reported one. */
  static Optional<ContainerStatus> container(Pod pod) {
    if (pod.getStatus() == null) {
      return Optional.empty();
    }
    return pod.getStatus().getContainerStatuses().stream()
        .filter(status -> TrainerJob.CONTAINER.equals(status.getName()))
        .findFirst();
  }

  private static PodTermination of(ContainerStateTerminated terminated) {
    return new PodTermination(
        terminated.getExitCode() == null ? -1 : terminated.getExitCode(),
        "OOMKilled".equals(terminated.getReason()),
        terminated.getMessage() == null ? "" : terminated.getMessage());
  }
}
