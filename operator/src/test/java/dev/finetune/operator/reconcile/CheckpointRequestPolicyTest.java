package dev.finetune.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.Head;
import dev.finetune.api.run.Progress;
import dev.finetune.api.status.Reason;
import dev.finetune.operator.FineTuneJobs;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.progress.RunReading;
import dev.finetune.operator.reconcile.CheckpointRequestPolicy.Verdict;
import dev.finetune.operator.status.Situation;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointRequestPolicyTest {
  private static final Situation RUNNING = new Situation.Running(Reason.Training, "training");

  private final FineTuneJob job = FineTuneJobs.minimal();

  private static RunReading run(String owner, String answered) {
    Head head = new Head(1, owner, Scenes.NOW, "w", List.of(), null, null, null);
    Progress progress =
        new Progress(
            1,
            Progress.State.TRAINING,
            7,
            500,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            0,
            null,
            null,
            null,
            null,
            answered,
            null,
            Scenes.NOW);
    return RunReading.of(head, progress);
  }

  private Verdict decide(String value, RunReading run, Situation situation) {
    job.getMetadata().setAnnotations(Map.of("finetune.dev/checkpoint-now", value));
    return CheckpointRequestPolicy.decide(
        Scenes.observe(job, List.of(), List.of(), run), situation);
  }

  private RunReading ours(String answered) {
    return run(job.getMetadata().getUid(), answered);
  }

  @Test
  void asksForWhatIsNotAnswered() {
    assertThat(decide(" before drain ", ours(null), RUNNING))
        .isEqualTo(new Verdict.Ask("before drain"));
    assertThat(decide("2", ours("1"), RUNNING)).isEqualTo(new Verdict.Ask("2"));
    assertThat(decide("1", ours("1"), RUNNING)).isEqualTo(new Verdict.Nothing());
  }

  @Test
  void asksNothingWithoutTheAnnotation() {
    assertThat(
            CheckpointRequestPolicy.decide(
                Scenes.observe(job, List.of(), List.of(), ours(null)), RUNNING))
        .isEqualTo(new Verdict.Nothing());
  }

  @Test
  void asksOnlyATrainerOfThisJobThatRuns() {
    Situation pending = new Situation.Pending(Reason.BackOff, "");
    assertThat(decide("1", ours(null), pending)).isEqualTo(new Verdict.Nothing());
    assertThat(decide("1", run("laptop", null), RUNNING)).isEqualTo(new Verdict.Nothing());
    assertThat(decide("1", Scenes.NO_RUN, RUNNING)).isEqualTo(new Verdict.Nothing());
    assertThat(decide("1", ours(null).unreachable("reset"), RUNNING))
        .isEqualTo(new Verdict.Nothing());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "   ",
        "two\nlines",
        "a\u0000b",
        "na\u00efve",
        "0123456789012345678901234567890123456789012345678901234567890123"
      })
  void refusesWhatIsNoId(String value) {
    assertThat(decide(value, ours(null), RUNNING))
        .isInstanceOfSatisfying(
            Verdict.Invalid.class,
            invalid ->
                assertThat(invalid.message())
                    .startsWith("metadata.annotations[finetune.dev/checkpoint-now]: must be 1"));
  }
}
