package dev.finetune.local.runner;

import io.fabric8.kubernetes.api.model.Container;
import io.fabric8.kubernetes.api.model.ContainerState;
import io.fabric8.kubernetes.api.model.ContainerStateBuilder;
import io.fabric8.kubernetes.api.model.ContainerStatusBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodConditionBuilder;
import io.fabric8.kubernetes.api.model.PodStatus;
import io.fabric8.kubernetes.api.model.PodStatusBuilder;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.io.IOException;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Runs the pods of its node as processes and reports how they are. */
final class Kubelet {
  private static final Logger LOG = LoggerFactory.getLogger(Kubelet.class);

  private final KubernetesClient client;
  private final RunnerOptions options;
  private final Clock clock;
  private final Runnable wake;
  private final Map<String, RunningPod> running = new ConcurrentHashMap<>();

  /**
   * @param wake called when a process ended, so that {@link #sync} is called soon
   */
  Kubelet(KubernetesClient client, RunnerOptions options, Clock clock, Runnable wake) {
    this.client = client;
    this.options = options;
    this.clock = clock;
    this.wake = wake;
  }

  /** Brings the process of a pod to where the pod is to be. */
  void sync(Pod pod) throws InterruptedException {
    String uid = pod.getMetadata().getUid();
    RunningPod process = running.get(uid);
    boolean terminating = JobStep.isTerminating(pod);
    if (process == null) {
      if (terminating) {
        neverRan(pod);
      } else if (JobStep.phase(pod).equals("Pending")) {
        start(pod);
      } else if (JobStep.phase(pod).equals("Running")) {
        report(
            pod,
            ended(pod, 137, "ContainerStatusUnknown", "the process is not of this runner", null));
      }
      return;
    }
    OptionalInt exit = process.exitCode();
    if (exit.isPresent()) {
      ended(pod, process, exit.getAsInt());
    } else if (terminating) {
      process.terminate(deadline(pod));
      process.killIfOverdue(clock.instant());
    }
  }

  /** Stops processes whose pods were removed by force. */
  void stopRemoved(List<Pod> pods) {
    for (Map.Entry<String, RunningPod> entry : running.entrySet()) {
      boolean there =
          pods.stream().anyMatch(pod -> pod.getMetadata().getUid().equals(entry.getKey()));
      if (!there) {
        LOG.info("a pod was removed by force; killing process {}", entry.getValue().pid());
        entry.getValue().kill();
        running.remove(entry.getKey());
      }
    }
  }

  /** Returns the process id of a pod, if it runs. */
  OptionalLong pid(String uid) {
    RunningPod process = running.get(uid);
    return process == null || process.exitCode().isPresent()
        ? OptionalLong.empty()
        : OptionalLong.of(process.pid());
  }

  /** Asks all processes to stop, waits that long and kills the rest. */
  void stopAll(Duration patience) throws InterruptedException {
    Instant deadline = Instant.now().plus(patience);
    running.values().forEach(process -> process.terminate(deadline));
    for (RunningPod process : running.values()) {
      process.await(deadline);
    }
    running.clear();
  }

  private void start(Pod pod) {
    PodFolder folder = PodFolder.of(options.folder(), pod);
    String name = pod.getMetadata().getName();
    try {
      folder.prepare(client, pod);
      Map<String, String> stated = new ContainerEnvironment(client, pod).resolve();
      Map<String, String> environment = new HashMap<>(ContainerEnvironment.ofTheMachine());
      environment.putAll(options.environment());
      stated.forEach((key, value) -> environment.put(key, folder.translate(value)));
      String temporary = folder.translate("/tmp");
      if (!temporary.equals("/tmp")) {
        environment.put("TMPDIR", temporary);
      }
      List<String> command = command(PodFolder.container(pod), stated, folder);
      RunningPod process =
          RunningPod.start(
              command,
              environment,
              folder,
              line -> options.output().accept(name + " | " + line),
              wake);
      running.put(pod.getMetadata().getUid(), process);
      LOG.info("pod {} runs as process {}, log {}", name, process.pid(), folder.log());
      report(pod, runs(pod, process.started()));
    } catch (PodCannotStart e) {
      report(pod, waits(pod, "CreateContainerConfigError", e.getMessage()));
    } catch (IOException e) {
      report(pod, ended(pod, 128, "StartError", String.valueOf(e.getMessage()), null));
    }
  }

  private List<String> command(
      Container container, Map<String, String> variables, PodFolder folder) {
    List<String> command = new ArrayList<>();
    if (container.getCommand().isEmpty()) {
      command.addAll(options.entrypoint());
    }
    List<String> stated = new ArrayList<>(container.getCommand());
    stated.addAll(container.getArgs());
    for (String word : stated) {
      command.add(folder.translate(ContainerEnvironment.expand(word, variables)));
    }
    return command;
  }

  private void ended(Pod pod, RunningPod process, int exitCode) throws InterruptedException {
    boolean toldLast =
        "FallbackToLogsOnError".equals(PodFolder.container(pod).getTerminationMessagePolicy());
    String message = exitCode != 0 && toldLast ? process.lastLines() : "";
    String reason = exitCode == 0 ? "Completed" : "Error";
    LOG.info("pod {} ended with exit code {}", pod.getMetadata().getName(), exitCode);
    Pod reported = report(pod, ended(pod, exitCode, reason, message, process.started()));
    running.remove(pod.getMetadata().getUid());
    if (JobStep.isTerminating(reported)) {
      remove(reported);
    }
    removeVolumes(pod);
  }

  private void neverRan(Pod pod) {
    if (!JobStep.isEnded(pod)) {
      report(pod, ended(pod, 137, "ContainerStatusUnknown", "the container never ran", null));
    }
    // Once marked for removal at once, the pod waits only for those who hold a finalizer.
    Long grace = pod.getMetadata().getDeletionGracePeriodSeconds();
    if (grace == null || grace > 0) {
      remove(pod);
    }
  }

  private void remove(Pod pod) {
    client
        .pods()
        .inNamespace(pod.getMetadata().getNamespace())
        .withName(pod.getMetadata().getName())
        .withGracePeriod(0)
        .delete();
  }

  private void removeVolumes(Pod pod) {
    try {
      PodFolder.of(options.folder(), pod).removeVolumes();
    } catch (IOException e) {
      LOG.warn("the volumes of pod {} stay: {}", pod.getMetadata().getName(), e.getMessage());
    }
  }

  private Instant deadline(Pod pod) {
    return Instant.parse(pod.getMetadata().getDeletionTimestamp());
  }

  private Pod report(Pod pod, PodStatus status) {
    if (status.equals(pod.getStatus())) {
      return pod;
    }
    return client
        .pods()
        .inNamespace(pod.getMetadata().getNamespace())
        .withName(pod.getMetadata().getName())
        .editStatus(
            now -> {
              now.setStatus(withConditions(status, now));
              return now;
            });
  }

  /** Keeps the conditions that others wrote, such as that of an eviction. */
  private static PodStatus withConditions(PodStatus status, Pod now) {
    PodStatusBuilder builder = new PodStatusBuilder(status);
    now.getStatus().getConditions().stream()
        .filter(
            other ->
                status.getConditions().stream()
                    .noneMatch(own -> own.getType().equals(other.getType())))
        .forEach(builder::addToConditions);
    return builder.build();
  }

  private PodStatus runs(Pod pod, Instant started) {
    ContainerState state = new ContainerStateBuilder().withNewRunning(time(started)).build();
    return status(pod, "Running", state, true, time(started));
  }

  private PodStatus waits(Pod pod, String reason, @Nullable String message) {
    ContainerState state = new ContainerStateBuilder().withNewWaiting(message, reason).build();
    String started = pod.getStatus().getStartTime();
    return status(pod, "Pending", state, false, started == null ? now() : started);
  }

  private PodStatus ended(
      Pod pod, int exitCode, String reason, String message, @Nullable Instant started) {
    ContainerState state =
        new ContainerStateBuilder()
            .withNewTerminated()
            .withExitCode(exitCode)
            .withReason(reason)
            .withMessage(message.isEmpty() ? null : message)
            .withStartedAt(started == null ? null : time(started))
            .withFinishedAt(now())
            .endTerminated()
            .build();
    String start = pod.getStatus().getStartTime();
    return status(
        pod, exitCode == 0 ? "Succeeded" : "Failed", state, false, start == null ? now() : start);
  }

  private PodStatus status(
      Pod pod, String phase, ContainerState state, boolean ready, String startTime) {
    Container container = PodFolder.container(pod);
    return new PodStatusBuilder()
        .withPhase(phase)
        .withStartTime(startTime)
        .addToConditions(
            new PodConditionBuilder().withType("PodScheduled").withStatus("True").build(),
            new PodConditionBuilder()
                .withType("Ready")
                .withStatus(ready ? "True" : "False")
                .build())
        .withContainerStatuses(
            new ContainerStatusBuilder()
                .withName(container.getName())
                .withImage(container.getImage() == null ? "" : container.getImage())
                .withImageID("")
                .withReady(ready)
                .withStarted(ready)
                .withRestartCount(0)
                .withState(state)
                .build())
        .build();
  }

  private String now() {
    return time(clock.instant());
  }

  private static String time(Instant instant) {
    return instant.truncatedTo(ChronoUnit.SECONDS).toString();
  }
}
