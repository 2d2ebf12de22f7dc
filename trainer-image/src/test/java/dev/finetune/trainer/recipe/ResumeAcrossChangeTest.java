package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.storage.MemoryStore;
import dev.finetune.trainer.storage.ObjectStore;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A run that goes on with other threads or another token budget, or as it began. */
class ResumeAcrossChangeTest {
  private static final int STEPS = 12;
  private static final int LARGEST = 1 << 22;

  @TempDir private Path folder;
  private Path job;
  private final ObjectStore uninterrupted = new MemoryStore();
  private final ObjectStore interrupted = new MemoryStore();

  @BeforeEach
  void train() throws IOException {
    TrainingJobs jobs = new TrainingJobs(folder);
    job = jobs.write(jobs.yaml());
    assertThat(new InProcessRun(job, uninterrupted).run()).isEqualTo(ExitCode.DONE);
    // Asked at the start, in the evaluation, and about twice a step.
    assertThat(new InProcessRun(job, interrupted, new StopAfter(12)).run())
        .isEqualTo(ExitCode.YIELDED);
  }

  @Test
  void goesOnToTheBitIfNothingChanges() throws IOException {
    InProcessRun second = new InProcessRun(job, interrupted);
    assertThat(second.run()).isEqualTo(ExitCode.DONE);
    assertThat(second.output()).contains("The run so far is equal to the bit\n");
    for (String file :
        List.of(
            "adapter/adapter_model.safetensors",
            "adapter/adapter_config.json",
            "adapter/tokenizer.json",
            "adapter/README.md")) {
      assertThat(content(interrupted, file)).as(file).isEqualTo(content(uninterrupted, file));
    }
    JsonNode attempt = second.json("attempt-0002/attempt.json");
    assertThat(attempt.path("equality").path("level").asText()).isEqualTo("bits");
    assertThat(attempt.path("resumedFromAttempt").asInt()).isEqualTo(1);
    assertThat(attempt.path("resumedFromStep").asInt()).isBetween(2, STEPS - 2);
    JsonNode computation = attempt.path("computation");
    assertThat(computation).isEqualTo(second.json("attempt-0001/attempt.json").path("computation"));
    assertThat(computation.path("versions").path("libtorch").asText()).matches("\\d+\\.\\d+.*");
    assertThat(computation.path("versions").path("trainer").asText()).matches("\\d+\\.\\d+.*");
    assertThat(computation.path("versions")).isEqualTo(second.json("run.json").path("versions"));
  }

  @ParameterizedTest
  @CsvSource({"1, , 1 thread instead of", ", 40, a token budget of 40 instead of"})
  void goesOnToRoundingWithTheSameBatchesAndSchedule(
      Integer threads, Integer tokenBudget, String difference) throws IOException {
    InProcessRun second = new InProcessRun(job, interrupted);
    JsonNode frozen = second.json("run.json");
    FineTuneRecipe.Options options =
        new FineTuneRecipe.Options(
            null, second.metrics(), false, new Overrides(threads, tokenBudget, 1));
    assertThat(second.run(options, Map.of())).isEqualTo(ExitCode.DONE);
    assertThat(second.output()).contains("The run so far is equal to rounding (" + difference);
    JsonNode attempt = second.json("attempt-0002/attempt.json");
    assertThat(attempt.path("equality").path("level").asText()).isEqualTo("rounding");
    assertThat(new String(content(interrupted, "adapter/README.md"), StandardCharsets.UTF_8))
        .contains("| Equal to a run without interruptions | to rounding (" + difference);
    assertThat(second.json("run.json")).as("stays what it was").isEqualTo(frozen);
    Map<Integer, JsonNode> expected = metrics(uninterrupted);
    Map<Integer, JsonNode> actual = metrics(interrupted);
    assertThat(actual.keySet()).isEqualTo(expected.keySet());
    actual.forEach((step, line) -> compare(line, expected.get(step)));
  }

  private static void compare(JsonNode actual, JsonNode expected) {
    for (String field : List.of("learningRate", "tokens", "supervisedTokens")) {
      assertThat(actual.path(field)).as(field).isEqualTo(expected.path(field));
    }
    double loss = expected.path("loss").asDouble();
    assertThat(actual.path("loss").asDouble()).isCloseTo(loss, within(2e-6 * loss));
  }

  /** Returns the metrics of each step, of the highest attempt. */
  private static Map<Integer, JsonNode> metrics(ObjectStore store) throws IOException {
    Map<Integer, JsonNode> steps = new TreeMap<>();
    for (var object : store.list("")) {
      if (object.key().contains("/metrics-")) {
        String lines =
            new String(
                store.get(object.key(), LARGEST).orElseThrow().content(), StandardCharsets.UTF_8);
        for (String line : lines.split("\n")) {
          JsonNode metrics = new ObjectMapper().readTree(line);
          steps.put(metrics.path("step").asInt(), metrics);
        }
      }
    }
    assertThat(steps).hasSize(STEPS);
    return steps;
  }

  private static byte[] content(ObjectStore store, String end) {
    String key =
        store.list("").stream()
            .map(object -> object.key())
            .filter(name -> name.endsWith(end))
            .findFirst()
            .orElseThrow();
    return store.get(key, LARGEST).orElseThrow().content();
  }
}
