package dev.finetune.operator.status;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.EvaluationPoint;
import dev.finetune.api.run.Head;
import dev.finetune.api.status.AdapterStatus;
import dev.finetune.api.status.AttemptStatus;
import dev.finetune.api.status.Condition;
import dev.finetune.api.status.ConditionType;
import dev.finetune.api.status.FineTuneJobStatus;
import dev.finetune.api.status.Phase;
import dev.finetune.api.status.Reason;
import dev.finetune.operator.FineTuneJobs;
import dev.finetune.operator.api.FineTuneJob;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class StatusFactoryTest {
  private static final Instant FIRST = Instant.parse("2026-03-01T12:00:00.750Z");
  private static final History NOTHING = new History(List.of(), null, null);
  private static final Situation RUNNING = new Situation.Running(Reason.Training, "training");

  private final FineTuneJob job = FineTuneJobs.minimal();

  private FineTuneJobStatus at(Instant time, Situation situation, History history) {
    return new StatusFactory(Clock.fixed(time, ZoneOffset.UTC)).create(job, situation, history);
  }

  private String trueConditions(Situation situation) {
    return at(FIRST, situation, NOTHING).conditions().stream()
        .filter(condition -> condition.status().equals("True"))
        .map(Condition::type)
        .collect(Collectors.joining(" "));
  }

  @Test
  void writesEveryConditionEveryTime() {
    assertThat(at(FIRST, RUNNING, NOTHING).conditions().stream().map(Condition::type))
        .containsExactlyElementsOf(
            Arrays.stream(ConditionType.values()).map(ConditionType::name).toList());
  }

  @Test
  void setsTheConditionsThatHold() {
    assertThat(trueConditions(RUNNING)).isEqualTo("Reconciling Running");
    assertThat(trueConditions(new Situation.Pending(Reason.Unschedulable, "no node")))
        .isEqualTo("Reconciling Queued");
    assertThat(trueConditions(new Situation.Pending(Reason.BackOff, "later")))
        .isEqualTo("Reconciling");
    assertThat(trueConditions(new Situation.Suspended(Reason.SuspendRequested, "asked")))
        .isEqualTo("Reconciling Suspended");
    assertThat(trueConditions(new Situation.Complete(Reason.Delivered, "done")))
        .isEqualTo("Ready Complete");
    assertThat(trueConditions(new Situation.Failed(Reason.Diverged, "not finite")))
        .isEqualTo("Stalled Failed");
  }

  @Test
  void keepsTheTransitionTimeWhileTheStatusOfAConditionStays() {
    job.setStatus(at(FIRST, RUNNING, NOTHING));
    Instant later = FIRST.plusSeconds(60);
    job.setStatus(at(later, new Situation.Complete(Reason.Delivered, "done"), NOTHING));
    assertThat(time(ConditionType.Complete)).isEqualTo("2026-03-01T12:01:00Z");
    assertThat(time(ConditionType.Failed)).isEqualTo("2026-03-01T12:00:00Z");
    assertThat(job.getStatus().completionTime()).isEqualTo("2026-03-01T12:01:00Z");
  }

  private String time(ConditionType type) {
    return Conditions.find(job, type).orElseThrow().lastTransitionTime();
  }

  @Test
  void isEqualWhenNothingChangedButTheTime() {
    FineTuneJobStatus first = at(FIRST, RUNNING, NOTHING);
    job.setStatus(first);
    assertThat(at(FIRST.plusSeconds(1000), RUNNING, NOTHING)).isEqualTo(first);
  }

  @Test
  void carriesTheGenerationThatWasActedOn() {
    job.getMetadata().setGeneration(7L);
    FineTuneJobStatus status = at(FIRST, RUNNING, NOTHING);
    assertThat(status.observedGeneration()).isEqualTo(7);
    assertThat(status.conditions()).allMatch(c -> c.observedGeneration() == 7);
  }

  @Test
  void tellsModelMethodAndRunFolder() {
    FineTuneJobStatus status = at(FIRST, RUNNING, NOTHING);
    assertThat(status.phase()).isEqualTo(Phase.Running);
    assertThat(status.model()).isEqualTo("SmolLM2-135M-Instruct");
    assertThat(status.method()).isEqualTo("LoRA");
    assertThat(status.run()).matches("s3://finetune/runs/team/alpaca/[0-9a-f]{16}");
  }

  @Test
  void tellsWhereTheAdapterIsAndHowMuchBetter() {
    Delivery delivery =
        new Delivery(2, "attempt-0002/adapter/", "c0ffee", 500, 1.2, 2.51239, 1.3711, FIRST);
    Head head = new Head(2, "o", FIRST, "w", List.of(), null, null, delivery);
    FineTuneJobStatus status =
        at(
            FIRST,
            new Situation.Complete(Reason.Delivered, "done"),
            new History(List.of(), null, head));
    assertThat(status.adapter().uri()).isEqualTo(status.run() + "/attempt-0002/adapter");
    assertThat(status.adapter().manifestSha256()).isEqualTo("c0ffee");
    assertThat(status.adapter().evalLossBefore()).isEqualTo("2.512");
    assertThat(status.adapter().evalLossAfter()).isEqualTo("1.371");
    assertThat(status.restarts()).isEqualTo(1);
  }

  @Test
  void tellsWhatWasMeasuredOfAnEarlierAdapter() {
    Delivery delivery =
        new Delivery(
            2,
            "attempt-0002/adapter/",
            "c0ffee",
            500,
            1.2,
            2.5,
            1.37,
            FIRST,
            300,
            point(0, 0.25, 3.01),
            point(300, 0.92134, 3.0512));
    Head head = new Head(2, "o", FIRST, "w", List.of(), null, null, delivery);
    AdapterStatus adapter =
        at(
                FIRST,
                new Situation.Complete(Reason.Delivered, "done"),
                new History(List.of(), null, head))
            .adapter();
    assertThat(adapter.step()).isEqualTo(300);
    assertThat(adapter.metricsBefore()).isEqualTo("accuracy 0.2500");
    assertThat(adapter.metricsAfter()).isEqualTo("accuracy 0.9213");
    assertThat(adapter.generalLossBefore()).isEqualTo("3.010");
    assertThat(adapter.generalLossAfter()).isEqualTo("3.051");
  }

  private static EvaluationPoint point(int step, double accuracy, double general) {
    return new EvaluationPoint(
        step, null, 1.0, new TreeMap<>(Map.of("accuracy", accuracy)), general, null, null);
  }

  @Test
  void neverTakesBackARestart() {
    AttemptStatus third = new AttemptStatus(3, "alpaca-3", null, null, null, null, null, null);
    job.setStatus(at(FIRST, RUNNING, new History(List.of(third), null, null)));
    assertThat(job.getStatus().restarts()).isEqualTo(2);
    assertThat(at(FIRST, RUNNING, NOTHING).restarts()).isEqualTo(2);
  }

  @Test
  void saysThatItCannotDoItsWorkAndKeepsTheRest() {
    job.setStatus(at(FIRST, RUNNING, NOTHING));
    StatusFactory factory = new StatusFactory(Clock.fixed(FIRST, ZoneOffset.UTC));
    FineTuneJobStatus failing = factory.failing(job, "API server: 500", true);
    assertThat(failing.phase()).isEqualTo(Phase.Running);
    job.setStatus(failing);
    assertThat(Conditions.isTrue(job, ConditionType.Stalled)).isTrue();
    assertThat(Conditions.find(job, ConditionType.Stalled).orElseThrow().message())
        .isEqualTo("API server: 500");
    assertThat(Conditions.isTrue(job, ConditionType.Running)).isTrue();
    assertThat(Conditions.isTerminal(job)).isFalse();
  }

  @ParameterizedTest
  @CsvSource({
    "s3://models/SmolLM2-135M-Instruct, SmolLM2-135M-Instruct",
    "s3://models/llama/, llama",
    "pvc://claim/a/model.Q8_0.gguf, model.Q8_0",
    "file:model.gguf, model",
    "file:/models/.gguf, .gguf"
  })
  void shortensTheNameOfAModel(String uri, String name) {
    assertThat(ModelName.of(uri)).isEqualTo(name);
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0s",
    "59, 59s",
    "60, 1m",
    "360, 6m",
    "3599, 1h",
    "4800, 1h20m",
    "86400, 1d",
    "183600, 2d3h",
    "-5, 0s"
  })
  void shortensADuration(long seconds, String text) {
    assertThat(Texts.duration(java.time.Duration.ofSeconds(seconds))).isEqualTo(text);
  }

  @Test
  void cleansForeignText() {
    assertThat(Texts.clean("a\u0007\n  b\u001b[31m", 100)).isEqualTo("a b [31m");
    assertThat(Texts.clean("0123456789", 6)).isEqualTo("...789");
    assertThat(Texts.lastLine("one\ntwo\n\n")).isEqualTo("two");
  }
}
