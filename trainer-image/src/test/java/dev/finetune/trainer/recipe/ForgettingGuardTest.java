package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.recipe.TrainingJobs.Ended;
import dev.finetune.trainer.weights.SafetensorsReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Whole runs that stop early, deliver their best adapter, and hold forgetting up. */
class ForgettingGuardTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final String ADAPTER = "adapter/adapter_model.safetensors";

  @TempDir private Path folder;

  @BeforeEach
  void writeGeneralRows() throws IOException {
    Files.write(folder.resolve("general.jsonl"), rows(1, 3));
    Files.write(folder.resolve("replay.jsonl"), rows(2, 5));
  }

  private static List<String> rows(long seed, int count) {
    Random random = new Random(seed);
    List<String> rows = new ArrayList<>();
    for (int row = 0; row < count; row++) {
      String ids = Arrays.toString(random.ints(9 + row, 4, 512).toArray());
      rows.add("{\"input_ids\": %s, \"labels\": %s}".formatted(ids, ids));
    }
    return rows;
  }

  /** A rate at which the held-out loss soon rises, so that there is a best evaluation. */
  private Path job(String evaluation, String forgetting) throws IOException {
    TrainingJobs jobs = new TrainingJobs(folder);
    return jobs.write(
        jobs.yaml(
            "learningRate: 2e-3",
            "learningRate: 5e-2",
            "schedule: cosine",
            "schedule: constantWithWarmup",
            "precision: fp32",
            "precision: fp32\n    evalEverySteps: 2",
            "  checkpoint:",
            "  evaluation: {%s}\n  forgetting: {format: tokens%s}\n  checkpoint:"
                .formatted(evaluation, forgetting.replace("FOLDER", "file:" + folder.toString()))));
  }

  private static JsonNode head(Path storage) throws IOException {
    return JSON.readTree(TrainingJobs.find(storage, "head.json").toFile());
  }

  private static Ended run(Path job, Path storage, StopRequest stop) {
    return TrainingJobs.command(
        stop, "run", "--job", job.toString(), "--storage", "file:" + storage);
  }

  @Test
  void stopsEarlyAndDeliversTheBestHoweverOftenItIsInterrupted() throws IOException {
    Path job =
        job(
            "patience: 1, deliver: best",
            ", general: 'FOLDER/general.jsonl', replay: 'FOLDER/replay.jsonl', replayShare: 0.25,"
                + " klWeight: 0.1");
    Path expected = folder.resolve("uninterrupted");
    assertThat(run(job, expected, new StopRequest(false)).error()).isEmpty();
    JsonNode delivered = head(expected).path("delivered");
    assertThat(delivered.path("steps").asInt()).as("it stopped early").isLessThan(12);
    assertThat(delivered.path("adapterStep").asInt())
        .as("one evaluation before the end")
        .isEqualTo(delivered.path("steps").asInt() - 2);
    assertThat(delivered.path("before").path("generalLoss").isNumber()).isTrue();
    assertThat(delivered.path("after").path("step")).isEqualTo(delivered.path("adapterStep"));
    Path actual = folder.resolve("interrupted");
    int status = ExitCode.YIELDED.code();
    for (int attempt = 0; status == ExitCode.YIELDED.code(); attempt++) {
      status = run(job, actual, new StopAfter(22 + attempt % 3)).status();
      assertThat(attempt).as("each attempt gets on").isLessThan(16);
    }
    assertThat(status).isZero();
    JsonNode again = head(actual).path("delivered");
    assertThat(head(actual).path("attempt").asInt()).isGreaterThan(1);
    for (String field : List.of("steps", "adapterStep", "loss", "before", "after")) {
      assertThat(again.path(field)).as(field).isEqualTo(delivered.path(field));
    }
    assertThat(TrainingJobs.find(actual, ADAPTER))
        .hasSameBinaryContentAs(TrainingJobs.find(expected, ADAPTER));
  }

  @Test
  void deliversTheAdapterThatItsStepWouldHaveDelivered() throws IOException {
    Path best = folder.resolve("best");
    Path job = job("deliver: best, patience: 1", "");
    assertThat(run(job, best, new StopRequest(false)).error()).isEmpty();
    JsonNode delivered = head(best).path("delivered");
    int step = delivered.path("adapterStep").asInt();
    assertThat(delivered.path("steps").asInt()).isEqualTo(step + 2);
    Files.writeString(job, Files.readString(job).replace("maxSteps: 12", "maxSteps: " + step));
    Path shorter = folder.resolve("shorter");
    assertThat(run(job, shorter, new StopRequest(false)).error()).isEmpty();
    assertThat(head(shorter).path("delivered").path("steps").asInt()).isEqualTo(step);
    assertThat(TrainingJobs.find(best, ADAPTER))
        .hasSameBinaryContentAs(TrainingJobs.find(shorter, ADAPTER));
  }

  @Test
  void aLimitOnForgettingStopsTheRunAndChoosesAnAdapterWithinIt() throws IOException {
    Path storage = folder.resolve("runs");
    Ended ended =
        run(
            job(
                "metric: loss",
                ", general: 'FOLDER/general.jsonl', maxLossIncrease: 0.02, onExceeded: stop"),
            storage,
            new StopRequest(false));
    if (ended.status() == ExitCode.INVALID.code()) {
      assertThat(ended.error())
          .startsWith("trainer: spec.forgetting.maxLossIncrease: no evaluation");
      return;
    }
    JsonNode delivered = head(storage).path("delivered");
    double before = delivered.path("before").path("generalLoss").asDouble();
    assertThat(delivered.path("after").path("generalLoss").asDouble()).isLessThan(before + 0.0201);
  }

  @Test
  void answersPromptsWithoutDisturbingAnyNumber() throws IOException {
    Path plain = folder.resolve("plain");
    Path asked = folder.resolve("asked");
    assertThat(run(job("metric: loss", ""), plain, new StopRequest(false)).status()).isZero();
    Ended ended =
        run(
            job("prompts: [hello, 'what is it?'], answerTokens: 5", ""),
            asked,
            new StopRequest(false));
    assertThat(ended.error()).isEmpty();
    assertThat(TrainingJobs.find(asked, ADAPTER))
        .hasSameBinaryContentAs(TrainingJobs.find(plain, ADAPTER));
    JsonNode progress = JSON.readTree(TrainingJobs.find(asked, "progress.json").toFile());
    assertThat(progress.path("evaluation").path("samples")).hasSize(2);
    assertThat(progress.path("evaluation").path("samples").path(1).path("prompt").asText())
        .isEqualTo("what is it?");
    assertThat(progress.path("evaluation").path("trend").asText()).isNotBlank();
    assertThat(head(asked).path("delivered").path("after").has("samples")).isFalse();
  }

  @Test
  void frozenLayersGetNoAdapter() throws IOException {
    Path storage = folder.resolve("runs");
    assertThat(
            run(job("metric: loss", ", frozenLayers: 1"), storage, new StopRequest(false)).error())
        .isEmpty();
    try (SafetensorsReader reader = SafetensorsReader.open(TrainingJobs.find(storage, ADAPTER))) {
      assertThat(reader.names()).isNotEmpty().noneMatch(name -> name.contains("layers.0."));
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "frozenLayers: 2|spec.forgetting.frozenLayers: must leave a block of the model's 2, was 2",
        "replay: 'FOLDER/general.jsonl', general: 'FOLDER/general.jsonl', replayShare: 0.5|"
            + "spec.forgetting.general: must be rows that are never trained on, 3 of 3 are among"
            + " those of training or replay",
      })
  void refusesByNameWhatCannotBeDone(String forgetting, String message) throws IOException {
    Ended ended =
        run(job("metric: loss", ", " + forgetting), folder.resolve("runs"), new StopRequest(false));
    assertThat(ended.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(ended.error()).isEqualTo("trainer: " + message);
  }
}
