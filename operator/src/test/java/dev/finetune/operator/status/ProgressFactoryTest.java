package dev.finetune.operator.status;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.Progress;
import dev.finetune.api.status.Phase;
import dev.finetune.api.status.ProgressStatus;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.ZoneOffset;
import org.junit.jupiter.api.Test;

class ProgressFactoryTest {
  private static final Instant NOW = Instant.parse("2026-03-01T12:00:00Z");

  private final ProgressFactory factory = at(NOW);

  private static ProgressFactory at(Instant now) {
    return new ProgressFactory(Clock.fixed(now, ZoneOffset.UTC), Duration.ofSeconds(15));
  }

  private static Progress progress(int attempt, int step, Instant updated) {
    return new Progress(
        attempt,
        Progress.State.TRAINING,
        step,
        500,
        1.41234,
        null,
        5210.4,
        null,
        NOW.plusSeconds(360),
        1024L,
        100,
        0,
        null,
        updated);
  }

  private ProgressStatus written() {
    return factory.next(progress(1, 120, NOW), Phase.Running, null).orElseThrow();
  }

  @Test
  void formatsForPeople() {
    ProgressStatus status = written();
    assertThat(status.steps()).isEqualTo("120/500");
    assertThat(status.loss()).isEqualTo("1.412");
    assertThat(status.tokensPerSecond()).isEqualTo("5210");
    assertThat(status.eta()).isEqualTo("6m");
    assertThat(status.estimatedEnd()).isEqualTo("2026-03-01T12:06:00Z");
    assertThat(status.checkpointStep()).isEqualTo(100);
  }

  @Test
  void writesNothingWhenTheTrainerReportedNothingNew() {
    assertThat(at(NOW.plusSeconds(100)).next(progress(1, 120, NOW), Phase.Running, written()))
        .isEmpty();
  }

  @Test
  void writesAtMostOnceInTheInterval() {
    assertThat(factory.next(progress(1, 121, NOW.plusSeconds(14)), Phase.Running, written()))
        .isEmpty();
    assertThat(factory.next(progress(1, 125, NOW.plusSeconds(15)), Phase.Running, written()))
        .isPresent();
  }

  @Test
  void writesAtOnceForANewAttemptAndAtTheEnd() {
    assertThat(factory.next(progress(2, 100, NOW.plusSeconds(1)), Phase.Running, written()))
        .isPresent();
    assertThat(factory.next(progress(1, 121, NOW.plusSeconds(1)), Phase.Complete, written()))
        .isPresent();
  }

  @Test
  void hasNoTimeLeftUnlessItRuns() {
    assertThat(factory.next(progress(1, 120, NOW), Phase.Suspended, written()).orElseThrow().eta())
        .isNull();
  }

  /** A report that differs from another of the same time only in what a crash would lose. */
  private static Progress timed(Double workAtRisk, String answered) {
    return new Progress(
        1,
        Progress.State.TRAINING,
        120,
        500,
        1.41234,
        null,
        5210.4,
        null,
        NOW.plusSeconds(360),
        1024L,
        null,
        null,
        100,
        80,
        0.4567,
        3.2,
        workAtRisk,
        null,
        answered,
        null,
        NOW);
  }

  @Test
  void publishesWhatSavingAndResumingTookAndWhatACrashWouldLose() {
    ProgressStatus status =
        factory.next(timed(61.7, "before-drain"), Phase.Running, null).orElseThrow();
    assertThat(status.timeToSaveMillis()).isEqualTo(457);
    assertThat(status.timeToResumeMillis()).isEqualTo(3200);
    assertThat(status.workAtRiskSeconds()).isEqualTo(62);
    assertThat(status.checkpointRequest()).isEqualTo("before-drain");
    assertThat(status.resumedFromStep()).isEqualTo(80);
  }

  @Test
  void writesNothingWhenOnlyTheWorkAtRiskGrew() {
    ProgressStatus old = factory.next(timed(61.7, null), Phase.Running, null).orElseThrow();
    assertThat(at(NOW.plusSeconds(60)).next(timed(121.7, null), Phase.Running, old)).isEmpty();
    assertThat(at(NOW.plusSeconds(60)).next(timed(null, null), Phase.Running, old)).isEmpty();
    assertThat(factory.next(progress(1, 125, NOW.plusSeconds(15)), Phase.Running, old)).isPresent();
  }

  @Test
  void writesAtOnceThatARequestForACheckpointIsAnswered() {
    ProgressStatus old = factory.next(timed(1.0, null), Phase.Running, null).orElseThrow();
    assertThat(factory.next(timed(1.0, "now"), Phase.Running, old)).isPresent();
    ProgressStatus answered = factory.next(timed(1.0, "now"), Phase.Running, null).orElseThrow();
    assertThat(factory.next(timed(2.0, "now"), Phase.Running, answered)).isEmpty();
  }

  @Test
  void takesNumbersOfAnySizeFromATrainer() {
    assertThat(factory.next(timed(1e300, null), Phase.Running, null).orElseThrow())
        .satisfies(status -> assertThat(status.workAtRiskSeconds()).isEqualTo(1_000_000_000));
  }
}
