package dev.finetune.operator.reconcile;

import static dev.finetune.operator.reconcile.Scenes.NOW;
import static dev.finetune.operator.reconcile.Scenes.NO_RUN;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.Progress;
import dev.finetune.api.status.AttemptStatus;
import dev.finetune.api.status.Reason;
import dev.finetune.operator.FineTuneJobs;
import dev.finetune.operator.Settings;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.progress.RunReading;
import dev.finetune.operator.status.Situation;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

class DecisionMakerTest {
  private static final Instant LONG_AGO = NOW.minusSeconds(3600);

  private final DecisionMaker maker = new DecisionMaker(Settings.defaults());
  private final FineTuneJob job = FineTuneJobs.minimal();

  private Decision decide(Observation observation) {
    return maker.decide(observation, AttemptLedger.of(observation));
  }

  private Decision decide(FineTuneJob job, List<Job> jobs, List<Pod> pods, RunReading run) {
    return decide(Scenes.observe(job, jobs, pods, run));
  }

  private static Situation situation(Decision decision) {
    return switch (decision) {
      case Decision.CreateJob(_, Situation situation) -> situation;
      case Decision.SuspendJob(_, Situation situation) -> situation;
      case Decision.ResumeJob(_, Situation situation) -> situation;
      case Decision.SetWorkloadActive(_, _, Situation situation) -> situation;
      case Decision.Wait(Situation situation, _) -> situation;
      case Decision.Finish(Situation situation) -> situation;
      case Decision.RemoveObjects _, Decision.Rest _ -> throw new AssertionError(decision);
    };
  }

  private static FineTuneJob suspend() {
    return FineTuneJobs.with(true, null, "http://store.example:9000");
  }

  @Test
  void makesTheFirstJobOfANewRun() {
    assertThat(decide(job, List.of(), List.of(), NO_RUN))
        .isInstanceOfSatisfying(
            Decision.CreateJob.class, create -> assertThat(create.number()).isEqualTo(1));
  }

  @Test
  void makesTheFirstJobWhenTheStorageDoesNotAnswer() {
    assertThat(decide(job, List.of(), List.of(), NO_RUN.unreachable("timeout")))
        .isInstanceOf(Decision.CreateJob.class);
  }

  @Test
  void isCompleteAtOnceIfTheRunWasDeliveredBefore() {
    Decision decision = decide(job, List.of(), List.of(), RunReading.of(Scenes.delivered(4), null));
    assertThat(decision).isInstanceOf(Decision.Finish.class);
    assertThat(situation(decision)).isInstanceOf(Situation.Complete.class);
  }

  @Test
  void makesNoJobWhileSuspended() {
    Decision decision = decide(suspend(), List.of(), List.of(), NO_RUN);
    assertThat(decision).isInstanceOf(Decision.Wait.class);
    assertThat(situation(decision)).isInstanceOf(Situation.Suspended.class);
  }

  @Test
  void failsOnASpecThatBreaksARule() {
    Observation observation =
        new Observation(
            job, List.of(), List.of(), NO_RUN, List.of("spec.adapter.rank: was 0"), NOW);
    assertThat(situation(decide(observation)))
        .isEqualTo(new Situation.Failed(Reason.SpecInvalid, "spec.adapter.rank: was 0"));
  }

  @Test
  void stopsARunningJobOnRequest() {
    FineTuneJob suspended = suspend();
    Job running = Scenes.running(suspended, 1);
    Decision decision =
        decide(suspended, List.of(running), List.of(Scenes.pod(running, "Running")), NO_RUN);
    assertThat(decision).isInstanceOf(Decision.SuspendJob.class);
    assertThat(situation(decision).reason()).isEqualTo(Reason.Suspending);
  }

  @Test
  void isSuspendedOnceThePodIsGone() {
    FineTuneJob suspended = suspend();
    Job stopped = Scenes.suspended(Scenes.running(suspended, 1));
    assertThat(
            situation(
                    decide(
                        suspended,
                        List.of(stopped),
                        List.of(Scenes.pod(stopped, "Running")),
                        NO_RUN))
                .reason())
        .isEqualTo(Reason.Suspending);
    assertThat(situation(decide(suspended, List.of(stopped), List.of(), NO_RUN)).reason())
        .isEqualTo(Reason.SuspendRequested);
  }

  @Test
  void letsASuspendedJobGoOn() {
    Decision decision =
        decide(job, List.of(Scenes.suspended(Scenes.running(job, 1))), List.of(), NO_RUN);
    assertThat(decision).isInstanceOf(Decision.ResumeJob.class);
  }

  @Test
  void leavesASuspendedJobInAQueueToKueue() {
    Job queued =
        new JobBuilder(Scenes.suspended(Scenes.running(job, 1)))
            .editMetadata()
            .addToLabels("kueue.x-k8s.io/queue-name", "gpu")
            .endMetadata()
            .build();
    Decision decision = decide(job, List.of(queued), List.of(), NO_RUN);
    assertThat(decision).isInstanceOf(Decision.Wait.class);
    assertThat(situation(decision).reason()).isEqualTo(Reason.QuotaPending);
  }

  @Test
  void saysWhyAPodWaits() {
    Job running = Scenes.running(job, 1);
    Map<Pod, Situation> expected =
        Map.of(
            Scenes.unschedulable(running, "0/3 nodes: Insufficient nvidia.com/gpu"),
                new Situation.Pending(
                    Reason.Unschedulable, "no node fits: 0/3 nodes: Insufficient nvidia.com/gpu"),
            Scenes.waiting(running, "ImagePullBackOff", "Back-off pulling image"),
                new Situation.Pending(Reason.ImagePull, "ImagePullBackOff: Back-off pulling image"),
            Scenes.waiting(running, "CreateContainerConfigError", "secret \"x\" not found"),
                new Situation.Pending(
                    Reason.Volume, "CreateContainerConfigError: secret \"x\" not found"));
    expected.forEach(
        (pod, situation) ->
            assertThat(situation(decide(job, List.of(running), List.of(pod), NO_RUN)))
                .isEqualTo(situation));
  }

  @Test
  void runsAndLooksAgainAfterTheInterval() {
    Job running = Scenes.running(job, 1);
    RunReading run =
        RunReading.of(
            Scenes.head(1, 0, NOW), Scenes.progress(1, Progress.State.TRAINING, 120, null));
    assertThat(decide(job, List.of(running), List.of(Scenes.pod(running, "Running")), run))
        .isEqualTo(
            new Decision.Wait(
                new Situation.Running(Reason.Training, "training"), Duration.ofSeconds(5)));
  }

  @Test
  void runsOnWhileTheStorageDoesNotAnswer() {
    Job running = Scenes.running(job, 1);
    Decision decision =
        decide(
            job,
            List.of(running),
            List.of(Scenes.pod(running, "Running")),
            NO_RUN.unreachable("connection refused"));
    assertThat(situation(decision)).isInstanceOf(Situation.Running.class);
    assertThat(situation(decision).message()).contains("connection refused");
  }

  @Test
  void completesWhenTheJobSucceededAndTheRunIsDelivered() {
    Job done = Scenes.succeeded(job, 1);
    Decision decision =
        decide(
            job,
            List.of(done),
            List.of(Scenes.exited(done, 0, "Completed", null)),
            RunReading.of(Scenes.delivered(1), null));
    assertThat(situation(decision)).isInstanceOf(Situation.Complete.class);
  }

  @Test
  void waitsForTheDeliveryOfASucceededJobWhileTheStorageDoesNotAnswer() {
    assertThat(
            decide(
                job, List.of(Scenes.succeeded(job, 1)), List.of(), NO_RUN.unreachable("timeout")))
        .isInstanceOf(Decision.Wait.class);
  }

  @Test
  void believesTheTrainerWhereTheOperatorMayNotRead() {
    Decision decision =
        decide(
            job,
            List.of(Scenes.succeeded(job, 1)),
            List.of(),
            RunReading.notReadable("no secretRef"));
    assertThat(situation(decision)).isInstanceOf(Situation.Complete.class);
  }

  @Test
  void triesAgainWhenASucceededJobDeliveredNothing() {
    Decision decision = decide(job, List.of(Scenes.succeeded(job, 1)), List.of(), NO_RUN);
    assertThat(situation(decision).reason()).isEqualTo(Reason.BackOff);
    assertThat(situation(decision).message()).contains("head.json lists no adapter");
  }

  @ParameterizedTest
  @EnumSource(ExitCode.class)
  void knowsWhatFollowsEveryExitCode(ExitCode code) {
    Job failed = Scenes.failed(job, 1, LONG_AGO);
    Decision decision =
        decide(
            job,
            List.of(failed),
            List.of(Scenes.exited(failed, code.code(), "Error", "last line")),
            NO_RUN);
    Reason reason = reasonOf(code);
    if (AttemptEnd.ofReason(reason.name()).retried()) {
      assertThat(decision).isInstanceOf(Decision.CreateJob.class);
    } else {
      assertThat(situation(decision).reason()).isEqualTo(reason);
      assertThat(situation(decision)).isInstanceOf(Situation.Failed.class);
      assertThat(situation(decision).message())
          .contains("(exit " + code.code() + ")")
          .contains("last line");
    }
  }

  private static Reason reasonOf(ExitCode code) {
    return switch (code) {
      case DONE -> Reason.Crashed;
      case INVALID -> Reason.InvalidInput;
      case DIVERGED -> Reason.Diverged;
      case PLAN_DOES_NOT_FIT -> Reason.PlanDoesNotFit;
      case OUT_OF_MEMORY -> Reason.OutOfMemory;
      case YIELDED -> Reason.Yielded;
      case FENCED -> Reason.Fenced;
      case STORAGE_UNREACHABLE -> Reason.StorageUnreachable;
    };
  }

  @ParameterizedTest
  @CsvSource({
    "1, Error, Crashed",
    "134, Error, Crashed",
    "137, Error, Crashed",
    "137, OOMKilled, OutOfMemory",
    "45, Error, OutOfMemory",
    "42, Error, InvalidInput",
    "77, Error, StorageUnreachable"
  })
  void recordsWhyAnAttemptEnded(int exitStatus, String containerReason, Reason expected) {
    Job failed = Scenes.failed(job, 1, NOW);
    Observation observation =
        Scenes.observe(
            job,
            List.of(failed),
            List.of(Scenes.exited(failed, exitStatus, containerReason, "a\nlast words\n")),
            RunReading.of(Scenes.head(1, 40, NOW), null));
    AttemptStatus attempt = AttemptLedger.of(observation).getFirst();
    assertThat(attempt.reason()).isEqualTo(expected.name());
    assertThat(attempt.exitCode()).isEqualTo(exitStatus);
    assertThat(attempt.message()).isEqualTo("last words");
    assertThat(attempt.checkpointStep()).isEqualTo(40);
  }

  @Test
  void prefersTheTrainersOwnLastWord() {
    Job failed = Scenes.failed(job, 1, NOW);
    RunReading run =
        RunReading.of(
            Scenes.head(1, 0, NOW),
            Scenes.progress(1, Progress.State.FAILED, 3, "spec.dataset.train: line 7 is no JSON"));
    Decision decision =
        decide(
            job,
            List.of(failed),
            List.of(Scenes.exited(failed, 42, "Error", "a stack trace")),
            run);
    assertThat(situation(decision).message())
        .contains("spec.dataset.train: line 7 is no JSON")
        .contains("last loss 1.412 at step 3")
        .doesNotContain("stack trace");
  }

  @Test
  void takesTheExitCodeFromTheJobWhenThePodIsGone() {
    Job failed =
        Scenes.failedSaying(
            job,
            1,
            "Container trainer for pod team/alpaca-1-abcde failed with exit code 43 matching"
                + " FailJob rule at index 2");
    Decision decision = decide(job, List.of(failed), List.of(), NO_RUN);
    assertThat(situation(decision).reason()).isEqualTo(Reason.Diverged);
  }

  @Test
  void waitsForTheLastWordsOfAPodThatStillSeemsToRun() {
    Job failed = Scenes.failed(job, 1, NOW.minusSeconds(1));
    assertThat(decide(job, List.of(failed), List.of(Scenes.pod(failed, "Running")), NO_RUN))
        .isInstanceOfSatisfying(
            Decision.Wait.class,
            wait -> assertThat(wait.recheck()).isEqualTo(Duration.ofSeconds(1)));
  }

  @Test
  void makesTheNextJobAfterOneWasDeletedWhileItRan() {
    FineTuneJob started = FineTuneJobs.withAttempts(FineTuneJobs.minimal(), Scenes.open(1));
    Observation observation = Scenes.observe(started, List.of(), List.of(), NO_RUN);
    assertThat(AttemptLedger.of(observation).getFirst().reason()).isEqualTo("Deleted");
    assertThat(situation(decide(observation)).reason()).isEqualTo(Reason.BackOff);
    Observation later =
        new Observation(started, List.of(), List.of(), NO_RUN, List.of(), NOW.plusSeconds(11));
    FineTuneJob ended =
        FineTuneJobs.withAttempts(FineTuneJobs.minimal(), AttemptLedger.of(observation).getFirst());
    assertThat(decide(new Observation(ended, List.of(), List.of(), NO_RUN, List.of(), later.now())))
        .isInstanceOfSatisfying(
            Decision.CreateJob.class, create -> assertThat(create.number()).isEqualTo(2));
  }

  @Test
  void isCompleteIfTheJobIsDeletedAfterTheDelivery() {
    FineTuneJob started = FineTuneJobs.withAttempts(FineTuneJobs.minimal(), Scenes.open(1));
    Decision decision =
        decide(started, List.of(), List.of(), RunReading.of(Scenes.delivered(1), null));
    assertThat(situation(decision)).isInstanceOf(Situation.Complete.class);
  }

  @Test
  void doublesTheWaitWithEveryFailure() {
    RetryPolicy policy = new RetryPolicy(Settings.defaults().retry());
    assertThat(List.of(1, 2, 3, 6, 100).stream().map(policy::backOff))
        .containsExactly(
            Duration.ofSeconds(10),
            Duration.ofSeconds(20),
            Duration.ofSeconds(40),
            Duration.ofMinutes(5),
            Duration.ofMinutes(5));
  }

  @Test
  void givesUpAfterAsManyAttemptsAsAllowedWithoutACheckpoint() {
    AttemptStatus[] crashes = new AttemptStatus[5];
    for (int i = 0; i < 5; i++) {
      crashes[i] = Scenes.ended(i + 1, AttemptEnd.CRASHED, 0, LONG_AGO);
    }
    FineTuneJob crashed = FineTuneJobs.withAttempts(FineTuneJobs.minimal(), crashes);
    assertThat(situation(decide(crashed, List.of(), List.of(), NO_RUN)))
        .isInstanceOfSatisfying(
            Situation.Failed.class,
            failed -> assertThat(failed.reason()).isEqualTo(Reason.RetriesExhausted));
  }

  @Test
  void countsFromZeroAfterANewCheckpoint() {
    AttemptStatus[] crashes = new AttemptStatus[8];
    for (int i = 0; i < 8; i++) {
      crashes[i] = Scenes.ended(i + 1, AttemptEnd.CRASHED, i < 4 ? 0 : 50, LONG_AGO);
    }
    assertThat(RetryPolicy.failuresWithoutProgress(List.of(crashes))).isEqualTo(3);
    FineTuneJob crashed = FineTuneJobs.withAttempts(FineTuneJobs.minimal(), crashes);
    assertThat(decide(crashed, List.of(), List.of(), NO_RUN))
        .isInstanceOf(Decision.CreateJob.class);
  }

  @Test
  void waitsForTheStorageWithoutEnd() {
    AttemptStatus[] outages = new AttemptStatus[10];
    for (int i = 0; i < 10; i++) {
      outages[i] = Scenes.ended(i + 90, AttemptEnd.STORAGE_UNREACHABLE, 0, LONG_AGO);
    }
    FineTuneJob waiting = FineTuneJobs.withAttempts(FineTuneJobs.minimal(), outages);
    assertThat(decide(waiting, List.of(), List.of(), NO_RUN))
        .isInstanceOfSatisfying(
            Decision.CreateJob.class, create -> assertThat(create.number()).isEqualTo(100));
  }

  @Test
  void keepsCrashesWhenALongOutageFillsTheList() {
    AttemptStatus[] attempts = new AttemptStatus[10];
    for (int i = 0; i < 10; i++) {
      AttemptEnd end = i < 4 ? AttemptEnd.CRASHED : AttemptEnd.STORAGE_UNREACHABLE;
      attempts[i] = Scenes.ended(i + 1, end, 0, LONG_AGO);
    }
    FineTuneJob waiting = FineTuneJobs.withAttempts(FineTuneJobs.minimal(), attempts);
    Job next = Scenes.running(waiting, 11);
    List<AttemptStatus> kept =
        AttemptLedger.of(Scenes.observe(waiting, List.of(next), List.of(), NO_RUN));
    assertThat(kept).hasSize(10);
    assertThat(kept.stream().map(AttemptStatus::number)).startsWith(1, 2, 3, 4, 6).endsWith(10, 11);
  }

  @Test
  void leavesTheRunToANewerAttemptWhileItsHeartbeatIsFresh() {
    FineTuneJob fenced =
        FineTuneJobs.withAttempts(
            FineTuneJobs.minimal(), Scenes.ended(1, AttemptEnd.FENCED, 0, LONG_AGO));
    assertThat(
            situation(
                    decide(
                        fenced,
                        List.of(),
                        List.of(),
                        RunReading.of(Scenes.head(2, 0, NOW.minusSeconds(30)), null)))
                .reason())
        .isEqualTo(Reason.Fenced);
    assertThat(
            decide(
                fenced,
                List.of(),
                List.of(),
                RunReading.of(Scenes.head(2, 0, NOW.minusSeconds(300)), null)))
        .isInstanceOf(Decision.CreateJob.class);
  }

  @Test
  void holdsBackTheNextAttemptWhileSuspended() {
    FineTuneJob crashed =
        FineTuneJobs.withAttempts(suspend(), Scenes.ended(1, AttemptEnd.CRASHED, 0, LONG_AGO));
    Decision decision = decide(crashed, List.of(), List.of(), NO_RUN);
    assertThat(decision).isInstanceOf(Decision.Wait.class);
    assertThat(situation(decision)).isInstanceOf(Situation.Suspended.class);
  }

  @Test
  void refusesABoundThatTheListOfAttemptsCannotHold() {
    assertThatThrownBy(
            () ->
                new DecisionMaker(
                    Settings.with(Map.of("retry.max-attempts-without-progress", "10"))))
        .hasMessageContaining("must be 1 to 9, was 10");
  }

  private static RunReading broken() {
    return Scenes.NO_RUN.broken("head.json: must not be empty");
  }

  @Test
  void beginsNothingWhileTheRunIsBroken() {
    Situation first = situation(decide(job, List.of(), List.of(), broken()));
    assertThat(first).isInstanceOf(Situation.Pending.class);
    assertThat(first.reason()).isEqualTo(Reason.RunBroken);
    assertThat(first.message()).endsWith("repaired: head.json: must not be empty");
    FineTuneJob crashed =
        FineTuneJobs.withAttempts(
            FineTuneJobs.minimal(), Scenes.ended(1, AttemptEnd.CRASHED, 0, LONG_AGO));
    assertThat(situation(decide(crashed, List.of(), List.of(), broken())).reason())
        .isEqualTo(Reason.RunBroken);
    assertThat(decide(crashed, List.of(), List.of(), Scenes.NO_RUN))
        .isInstanceOf(Decision.CreateJob.class);
  }

  @Test
  void isNotCompleteWhileTheDeliveryIsBroken() {
    RunReading run = Scenes.NO_RUN.broken("attempt-0001/adapter/manifest.json: is not there");
    Decision decision = decide(job, List.of(Scenes.succeeded(job, 1)), List.of(), run);
    assertThat(decision).isInstanceOf(Decision.Wait.class);
    assertThat(situation(decision).reason()).isEqualTo(Reason.RunBroken);
    assertThat(situation(decision).message()).contains("adapter/manifest.json: is not there");
  }

  @Test
  void saysWhichObjectIsBrokenWhileTheTrainerRuns() {
    Job running = Scenes.running(job, 1);
    RunReading run =
        RunReading.without(
            Scenes.head(1, 100, NOW), null, "attempt-0001/progress.json: must not be empty");
    Situation situation =
        situation(decide(job, List.of(running), List.of(Scenes.pod(running, "Running")), run));
    assertThat(situation).isInstanceOf(Situation.Running.class);
    assertThat(situation.reason()).isEqualTo(Reason.RunBroken);
    assertThat(situation.message()).contains("attempt-0001/progress.json: must not be empty");
  }
}
