package dev.finetune.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.Progress;
import dev.finetune.api.status.AttemptStatus;
import dev.finetune.api.status.FineTuneJobStatus;
import dev.finetune.api.status.ProgressStatus;
import dev.finetune.operator.FineTuneJobs;
import dev.finetune.operator.Settings;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import dev.finetune.operator.desired.AttemptSettings;
import dev.finetune.operator.progress.RunReading;
import dev.finetune.operator.status.ProgressFactory;
import java.time.Clock;
import java.time.Duration;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AttemptPolicyTest {
  private static final OperatorConfig.Trainer CONFIG = Settings.defaults().trainer();

  private final FineTuneJob job = FineTuneJobs.minimal();

  private static List<AttemptStatus> ends(AttemptEnd... ends) {
    List<AttemptStatus> attempts = new ArrayList<>();
    for (AttemptEnd end : ends) {
      attempts.add(Scenes.ended(attempts.size() + 1, end, 0, Scenes.NOW));
    }
    return attempts;
  }

  private static Progress savedIn(double seconds) {
    return new Progress(
        1,
        Progress.State.TRAINING,
        10,
        500,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        10,
        0,
        seconds,
        null,
        null,
        null,
        null,
        null,
        Scenes.NOW);
  }

  @ParameterizedTest(name = "{0} s to save: {1} s to stop")
  @CsvSource({"0.2, 120", "20, 120", "22.5, 120", "30, 150", "100, 430", "1000, 600"})
  void givesTimeToSaveFourTimesAndToFinishWhatRuns(double timeToSave, long gracePeriod) {
    assertThat(AttemptPolicy.gracePeriod(Duration.ofMillis(Math.round(timeToSave * 1000)), CONFIG))
        .isEqualTo(Duration.ofSeconds(gracePeriod));
  }

  @Test
  void givesTheConfiguredTimeWhileNothingIsMeasured() {
    assertThat(
            AttemptPolicy.next(
                Scenes.observe(job, List.of(), List.of(), Scenes.NO_RUN), List.of(), CONFIG))
        .isEqualTo(new AttemptSettings(Duration.ofSeconds(120), 1));
  }

  @Test
  void neverGivesLessThanTheConfiguredTime() {
    OperatorConfig.Trainer patient =
        Settings.with(Map.of("trainer.termination-grace-period", "PT20M")).trainer();
    assertThat(AttemptPolicy.gracePeriod(Duration.ofHours(1), patient))
        .isEqualTo(Duration.ofMinutes(20));
  }

  @Test
  void measuresByWhatTheTrainerReported() {
    RunReading run = RunReading.of(Scenes.head(1, 10, Scenes.NOW), savedIn(50));
    assertThat(settings(run).gracePeriod()).isEqualTo(Duration.ofSeconds(230));
    RunReading nonsense = RunReading.of(Scenes.head(1, 10, Scenes.NOW), savedIn(1e300));
    assertThat(settings(nonsense).gracePeriod()).isEqualTo(Duration.ofMinutes(10));
  }

  @Test
  void measuresByTheStatusWhileTheStorageDoesNotAnswer() {
    ProgressStatus known =
        new ProgressFactory(Clock.fixed(Scenes.NOW, ZoneOffset.UTC), Duration.ofSeconds(15))
            .next(savedIn(50), dev.finetune.api.status.Phase.Running, null)
            .orElseThrow();
    job.setStatus(
        new FineTuneJobStatus(
            1L, null, null, null, null, null, null, null, null, null, null, null, known, null));
    assertThat(settings(Scenes.NO_RUN.unreachable("connection refused")).gracePeriod())
        .isEqualTo(Duration.ofSeconds(230));
  }

  private AttemptSettings settings(RunReading run) {
    return AttemptPolicy.next(
        Scenes.observe(job, List.of(), List.of(), run), ends(AttemptEnd.CRASHED), CONFIG);
  }

  @Test
  void halvesTheTokenBudgetAfterEachEndForWantOfMemory() {
    AttemptEnd memory = AttemptEnd.OUT_OF_MEMORY;
    AttemptEnd crash = AttemptEnd.CRASHED;
    assertThat(divisor(ends())).isEqualTo(1);
    assertThat(divisor(ends(crash))).isEqualTo(1);
    assertThat(divisor(ends(memory))).isEqualTo(2);
    assertThat(divisor(ends(memory, crash))).isEqualTo(2);
    assertThat(divisor(ends(memory, crash, memory))).isEqualTo(4);
    assertThat(divisor(ends(memory, memory, memory))).isEqualTo(8);
    assertThat(divisor(ends(memory, memory, memory, memory))).isEqualTo(8);
  }

  private static int divisor(List<AttemptStatus> attempts) {
    return AttemptPolicy.tokenBudgetDivisor(attempts, Optional.empty());
  }

  @Test
  void goesOnFromTheBudgetOfTheLastJobWhenOlderEndsAreForgotten() {
    AttemptSettings last = new AttemptSettings(Duration.ofSeconds(120), 4);
    List<AttemptStatus> attempts = ends(AttemptEnd.CRASHED, AttemptEnd.OUT_OF_MEMORY);
    Observation observation =
        Scenes.observe(job, List.of(Scenes.running(job, 2, last)), List.of(), Scenes.NO_RUN);
    assertThat(AttemptPolicy.next(observation, attempts, CONFIG).tokenBudgetDivisor()).isEqualTo(8);
    List<AttemptStatus> crashed = ends(AttemptEnd.CRASHED, AttemptEnd.CRASHED);
    assertThat(AttemptPolicy.next(observation, crashed, CONFIG).tokenBudgetDivisor()).isEqualTo(4);
  }
}
