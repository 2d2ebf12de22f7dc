package dev.finetune.trainer.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.failure.InvalidConfiguration;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ReplayPlanTest {
  private static final Training TRAINING = training(8);
  private static final int BATCH = TRAINING.globalBatchSize();

  @ParameterizedTest
  @CsvSource({"0, 0", "0.01, 1", "0.25, 2", "0.5, 4", "0.9, 7"})
  void takesAShareOfTheGlobalBatchButNeverAllOfIt(double share, int expected) {
    assertThat(ReplayPlan.perStep(TRAINING, share)).isEqualTo(expected);
  }

  @Test
  void leavesTheGlobalBatchAsLargeAsItWas() {
    int replayed = ReplayPlan.perStep(TRAINING, 0.25);
    StepPlan steps = StepPlan.of(TRAINING, 100, replayed);
    ReplayPlan replay = ReplayPlan.of(TRAINING, 0.25, 5);
    for (int step = 0; step < 10; step++) {
      assertThat(steps.examplesOf(step).size() + replay.examplesOf(step).size()).isEqualTo(BATCH);
    }
  }

  @Test
  void seesEveryGeneralExampleOnceAPassInAnOrderOfItsOwn() {
    ReplayPlan replay = ReplayPlan.of(TRAINING, 0.25, 7);
    List<Integer> seen = new ArrayList<>();
    for (int step = 0; step < 7; step++) {
      seen.addAll(replay.examplesOf(step));
    }
    assertThat(seen.subList(0, 7)).containsExactlyInAnyOrderElementsOf(range(7));
    assertThat(seen.subList(7, 14)).containsExactlyInAnyOrderElementsOf(range(7));
    assertThat(seen.subList(0, 7)).isNotEqualTo(seen.subList(7, 14));
  }

  @Test
  void dependsOnTheStepAlone() {
    ReplayPlan forward = ReplayPlan.of(TRAINING, 0.5, 11);
    ReplayPlan resumed = ReplayPlan.of(TRAINING, 0.5, 11);
    List<Integer> late = resumed.examplesOf(1000);
    for (int step = 0; step < 1000; step++) {
      assertThat(forward.examplesOf(step)).hasSize(4);
    }
    assertThat(forward.examplesOf(1000)).isEqualTo(late);
  }

  @Test
  void needsRoomForBoth() {
    assertThatThrownBy(() -> ReplayPlan.perStep(training(1), 0.5))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessage(
            "spec.forgetting.replayShare: needs spec.training.globalBatchSize of at least 2, was 1");
  }

  private static Training training(int batch) {
    return FineTuneJobFile.parse(
            """
            apiVersion: finetune.dev/v1alpha1
            kind: FineTuneJob
            metadata: {name: job}
            spec:
              model: {uri: "file:model"}
              dataset: {train: "file:train.jsonl"}
              storage: {uri: "file:runs"}
              training: {globalBatchSize: %d}
            """
                .formatted(batch))
        .spec()
        .training();
  }

  private static List<Integer> range(int end) {
    return IntStream.range(0, end).boxed().toList();
  }
}
