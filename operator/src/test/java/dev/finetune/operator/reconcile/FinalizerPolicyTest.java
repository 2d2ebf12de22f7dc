package dev.finetune.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.spec.DeletionPolicy;
import dev.finetune.operator.FineTuneJobs;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.dependent.Finalizers;
import dev.finetune.operator.reconcile.FinalizerPolicy.Cleaning;
import dev.finetune.operator.reconcile.FinalizerPolicy.Step;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FinalizerPolicyTest {
  private static final Duration DEADLINE = Duration.ofMinutes(10);

  private static FineTuneJob job(DeletionPolicy policy, boolean has, boolean deleted) {
    FineTuneJob job = FineTuneJobs.with(policy);
    if (has) {
      job.getMetadata().setFinalizers(List.of("other/finalizer", Finalizers.STORAGE));
    }
    if (deleted) {
      job.getMetadata().setDeletionTimestamp(Scenes.STARTED);
    }
    return job;
  }

  @ParameterizedTest(name = "{0}, finalizer {1}, deleted {2}: {3}")
  @CsvSource({
    "KEEP_ALL, false, false, NOTHING",
    "KEEP_ALL, false, true, NOTHING",
    "KEEP_ALL, true, false, REMOVE",
    "KEEP_ALL, true, true, REMOVE",
    "DELETE_CHECKPOINTS, false, false, NOTHING",
    "DELETE_CHECKPOINTS, false, true, NOTHING",
    "DELETE_CHECKPOINTS, true, false, REMOVE",
    "DELETE_CHECKPOINTS, true, true, REMOVE",
    "DELETE_ALL, false, false, ADD",
    "DELETE_ALL, false, true, NOTHING",
    "DELETE_ALL, true, false, NOTHING",
    "DELETE_ALL, true, true, CLEAN_UP"
  })
  void onlyDeletingTheRunNeedsAFinalizer(
      DeletionPolicy policy, boolean has, boolean deleted, Step step) {
    assertThat(FinalizerPolicy.decide(job(policy, has, deleted))).isEqualTo(step);
  }

  private static Cleaning clean(List<Job> jobs, List<Pod> pods, Duration since) {
    FineTuneJob job = job(DeletionPolicy.DELETE_ALL, true, true);
    return FinalizerPolicy.clean(
        job, jobs, pods, Instant.parse(Scenes.STARTED).plus(since), DEADLINE);
  }

  @Test
  void stopsTheTrainerThenWaitsForItsPodsThenDeletesTheRun() {
    Job running = Scenes.running(FineTuneJobs.minimal(), 1);
    Job going =
        new JobBuilder(running)
            .editMetadata()
            .withDeletionTimestamp(Scenes.STARTED)
            .endMetadata()
            .build();
    Pod pod = Scenes.pod(running, "Running");
    Duration soon = Duration.ofSeconds(1);
    assertThat(clean(List.of(running), List.of(pod), soon)).isEqualTo(Cleaning.DELETE_JOBS);
    assertThat(clean(List.of(running), List.of(), soon)).isEqualTo(Cleaning.DELETE_JOBS);
    assertThat(clean(List.of(going), List.of(pod), soon)).isEqualTo(Cleaning.AWAIT_PODS);
    assertThat(clean(List.of(going), List.of(), soon)).isEqualTo(Cleaning.AWAIT_PODS);
    assertThat(clean(List.of(), List.of(pod), soon)).isEqualTo(Cleaning.AWAIT_PODS);
    assertThat(clean(List.of(), List.of(), soon)).isEqualTo(Cleaning.DELETE_RUN);
  }

  @Test
  void givesUpAtTheDeadlineWhateverIsLeft() {
    Job running = Scenes.running(FineTuneJobs.minimal(), 1);
    assertThat(clean(List.of(running), List.of(), DEADLINE.minusSeconds(1)))
        .isEqualTo(Cleaning.DELETE_JOBS);
    assertThat(clean(List.of(running), List.of(), DEADLINE)).isEqualTo(Cleaning.GIVE_UP);
    assertThat(clean(List.of(), List.of(), DEADLINE)).isEqualTo(Cleaning.GIVE_UP);
  }

  @Test
  void deletesCheckpointsUnlessEverythingIsKept() {
    assertThat(FinalizerPolicy.deletesCheckpoints(FineTuneJobs.minimal())).isFalse();
    assertThat(FinalizerPolicy.deletesCheckpoints(FineTuneJobs.with(DeletionPolicy.DELETE_ALL)))
        .isTrue();
    assertThat(
            FinalizerPolicy.deletesCheckpoints(
                FineTuneJobs.with(DeletionPolicy.DELETE_CHECKPOINTS)))
        .isTrue();
  }
}
