package dev.finetune.operator.reconcile;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.Progress;
import dev.finetune.api.status.AttemptStatus;
import dev.finetune.operator.Settings;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import dev.finetune.operator.desired.AttemptSettings;
import dev.finetune.operator.desired.TrainerJob;
import dev.finetune.operator.progress.RunReading;
import io.fabric8.kubernetes.api.model.ContainerStateBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import java.time.Instant;
import java.util.List;

/** Jobs, pods and runs as a decision meets them. */
final class Scenes {
  static final Instant NOW = Instant.parse("2026-03-01T12:00:00Z");
  static final String STARTED = "2026-03-01T11:00:00Z";
  static final RunReading NO_RUN = RunReading.of(null, null);

  private Scenes() {}

  static Observation observe(FineTuneJob job, List<Job> jobs, List<Pod> pods, RunReading run) {
    return new Observation(job, jobs, pods, run, List.of(), NOW);
  }

  static Job running(FineTuneJob owner, int number) {
    OperatorConfig.Trainer trainer = Settings.defaults().trainer();
    return running(owner, number, AttemptSettings.first(trainer));
  }

  static Job running(FineTuneJob owner, int number, AttemptSettings attempt) {
    return new JobBuilder(TrainerJob.of(owner, number, attempt, Settings.defaults().trainer()))
        .editMetadata()
        .withUid("job-" + number)
        .withCreationTimestamp(STARTED)
        .endMetadata()
        .build();
  }

  static Job suspended(Job job) {
    return new JobBuilder(job).editSpec().withSuspend(true).endSpec().build();
  }

  static Job succeeded(FineTuneJob owner, int number) {
    return ended(running(owner, number), "Complete", "done", NOW);
  }

  static Job failed(FineTuneJob owner, int number, Instant at) {
    return ended(running(owner, number), "Failed", "the Job failed", at);
  }

  static Job failedSaying(FineTuneJob owner, int number, String message) {
    return ended(running(owner, number), "Failed", message, NOW);
  }

  private static Job ended(Job job, String condition, String message, Instant at) {
    return new JobBuilder(job)
        .withNewStatus()
        .addNewCondition()
        .withType(condition)
        .withStatus("True")
        .withLastTransitionTime(at.toString())
        .withMessage(message)
        .endCondition()
        .endStatus()
        .build();
  }

  static Pod pod(Job job, String phase) {
    return new PodBuilder()
        .withNewMetadata()
        .withName(job.getMetadata().getName() + "-abcde")
        .withNamespace(job.getMetadata().getNamespace())
        .withLabels(job.getSpec().getTemplate().getMetadata().getLabels())
        .withCreationTimestamp(STARTED)
        .endMetadata()
        .withNewStatus()
        .withPhase(phase)
        .withStartTime(STARTED)
        .endStatus()
        .build();
  }

  static Pod exited(Job job, int exitStatus, String reason, String words) {
    return new PodBuilder(pod(job, exitStatus == 0 ? "Succeeded" : "Failed"))
        .editStatus()
        .addNewContainerStatus()
        .withName(TrainerJob.CONTAINER)
        .withState(
            new ContainerStateBuilder()
                .withNewTerminated()
                .withExitCode(exitStatus)
                .withReason(reason)
                .withMessage(words)
                .endTerminated()
                .build())
        .endContainerStatus()
        .endStatus()
        .build();
  }

  static Pod waiting(Job job, String reason, String message) {
    return new PodBuilder(pod(job, "Pending"))
        .editStatus()
        .addNewContainerStatus()
        .withName(TrainerJob.CONTAINER)
        .withState(new ContainerStateBuilder().withNewWaiting(message, reason).build())
        .endContainerStatus()
        .endStatus()
        .build();
  }

  static Pod unschedulable(Job job, String message) {
    return new PodBuilder(pod(job, "Pending"))
        .editStatus()
        .addNewCondition()
        .withType("PodScheduled")
        .withStatus("False")
        .withReason("Unschedulable")
        .withMessage(message)
        .endCondition()
        .endStatus()
        .build();
  }

  static Head head(int attempt, int checkpointStep, Instant heartbeat) {
    List<CheckpointEntry> checkpoints =
        checkpointStep == 0
            ? List.of()
            : List.of(
                new CheckpointEntry(
                    checkpointStep, attempt, "attempt/checkpoint/", "ab", 1, heartbeat, null));
    return new Head(
        attempt,
        "owner",
        heartbeat,
        "w",
        checkpoints,
        checkpointStep == 0 ? null : checkpointStep,
        null,
        null);
  }

  static Head delivered(int attempt) {
    return new Head(
        attempt,
        "owner",
        NOW,
        "w",
        List.of(),
        null,
        null,
        new Delivery(attempt, "attempt-0001/adapter/", "c0ffee", 500, 1.25, 2.5, 1.375, NOW));
  }

  static Progress progress(int attempt, Progress.State state, int step, String lastWord) {
    return new Progress(
        attempt,
        state,
        step,
        500,
        1.4123456,
        null,
        5210.4,
        null,
        NOW.plusSeconds(360),
        1L << 30,
        null,
        0,
        lastWord,
        NOW);
  }

  static AttemptStatus ended(int number, AttemptEnd end, int checkpointStep, Instant at) {
    return new AttemptStatus(
        number,
        "alpaca-" + number,
        STARTED,
        at.toString(),
        1,
        end.reason().name(),
        checkpointStep,
        null);
  }

  static AttemptStatus open(int number) {
    return new AttemptStatus(number, "alpaca-" + number, STARTED, null, null, null, null, null);
  }
}
