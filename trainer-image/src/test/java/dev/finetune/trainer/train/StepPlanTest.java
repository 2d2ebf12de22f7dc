package dev.finetune.trainer.train;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.ExampleOrder;
import dev.finetune.trainer.goldens.Goldens;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class StepPlanTest {
  @Property(tries = 200, seed = "1")
  void everyEpochVisitsEveryExampleOnce(
      @ForAll @IntRange(min = 1, max = 60) int examples,
      @ForAll @IntRange(min = 1, max = 20) int batch,
      @ForAll @IntRange(min = 1, max = 3) int epochs) {
    StepPlan plan = plan(examples, training(epochs, null, batch));
    assertThat(plan.totalSteps()).isEqualTo(epochs * plan.stepsPerEpoch());
    for (int epoch = 0; epoch < epochs; epoch++) {
      List<Integer> visited = new ArrayList<>();
      for (int step = 0; step < plan.stepsPerEpoch(); step++) {
        List<Integer> places = plan.examplesOf(epoch * plan.stepsPerEpoch() + step);
        assertThat(places).hasSizeBetween(1, batch);
        visited.addAll(places);
      }
      assertThat(visited)
          .containsExactlyInAnyOrderElementsOf(IntStream.range(0, examples).boxed().toList());
    }
  }

  @Test
  void maxStepsEndsInTheMiddleOfAnEpochOrGoesOverSeveral() {
    assertThat(plan(10, training(null, 2, 4)).totalSteps()).isEqualTo(2);
    StepPlan longer = plan(10, training(null, 7, 4));
    assertThat(longer.totalSteps()).isEqualTo(7);
    assertThat(longer.examplesOf(2)).hasSize(2);
    assertThat(longer.examplesOf(3)).hasSize(4).isNotEqualTo(longer.examplesOf(0));
  }

  @Test
  void warmupRatioIsRoundedUpAsTransformersDoesIt() {
    int compared = 0;
    for (JsonNode golden : Goldens.json("schedules.json").path("warmup_ratio_to_steps")) {
      Training training =
          spec(
              "{maxSteps: %s, warmupRatio: %s}"
                  .formatted(golden.path("steps"), golden.path("warmup_ratio")));
      assertThat(plan(100, training).warmupSteps(training))
          .as(golden.toString())
          .isEqualTo(golden.path("warmup_steps").asInt());
      compared++;
    }
    assertThat(compared).isPositive();
  }

  @Property(tries = 200, seed = "1")
  void microBatchesKeepTheOrderAndFitTheBudget(
      @ForAll @IntRange(min = 1, max = 40) int budget, @ForAll byte[] lengths) {
    List<Example> examples = new ArrayList<>();
    for (byte length : lengths) {
      int tokens = 1 + Math.abs(length % 30);
      examples.add(new Example(examples.size(), new int[tokens], new int[tokens]));
    }
    List<List<Example>> batches = MicroBatches.cut(examples, budget);
    assertThat(batches.stream().flatMap(List::stream).toList()).isEqualTo(examples);
    for (List<Example> batch : batches) {
      int tokens = batch.stream().mapToInt(example -> example.inputIds().length).sum();
      assertThat(tokens <= budget || batch.size() == 1).isTrue();
    }
  }

  private static StepPlan plan(int examples, Training training) {
    return StepPlan.of(training, examples);
  }

  private static Training training(
      @Nullable Integer epochs, @Nullable Integer maxSteps, int batch) {
    String length = epochs != null ? "epochs: " + epochs : "maxSteps: " + maxSteps;
    return spec("{%s, globalBatchSize: %d}".formatted(length, batch));
  }

  private static Training spec(String yaml) {
    return FineTuneJobFile.parse(
            """
            apiVersion: finetune.dev/v1alpha1
            kind: FineTuneJob
            metadata: {name: job}
            spec:
              model: {uri: "file:model"}
              dataset: {train: "file:train.jsonl"}
              storage: {uri: "file:runs"}
              training: %s
            """
                .formatted(yaml))
        .spec()
        .training();
  }

  @Test
  void theOrderIsThatOfTheFileWithoutShuffling() {
    assertThat(Arrays.stream(ExampleOrder.permutation(1, 5, 4, false)).boxed().toList())
        .containsExactly(0, 1, 2, 3);
  }
}
