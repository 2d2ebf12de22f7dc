package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.recipe.TrainingJobs.Ended;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Evaluations between steps, and a learning rate that follows them. */
class EvaluationTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final int STEPS = 9;
  private static final int EVERY = 3;

  @TempDir private Path folder;

  @Test
  void measuresWhenItIsDueAndReducesTheRate() throws IOException {
    Path job = job();
    Path storage = folder.resolve("runs");
    Ended ended = TrainingJobs.run(job);
    assertThat(ended.error()).isEmpty();
    Map<Integer, JsonNode> metrics = metrics(storage);
    metrics.forEach(
        (step, line) ->
            assertThat(line.has("evalLoss")).as("step %d", step).isEqualTo(step % EVERY == 0));
    assertThat(rate(metrics, 4)).as("the first evaluation is the best so far").isEqualTo(2e-3);
    assertThat(rate(metrics, 6)).isEqualTo(2e-3);
    assertThat(rate(metrics, 7)).as("one evaluation was hardly better").isEqualTo(1e-3);
    JsonNode last = metrics.get(STEPS).path("evalLoss");
    JsonNode delivered =
        JSON.readTree(TrainingJobs.find(storage, "head.json").toFile()).path("delivered");
    assertThat(delivered.path("evalLossAfter")).isEqualTo(last);
    JsonNode progress = JSON.readTree(TrainingJobs.find(storage, "progress.json").toFile());
    assertThat(progress.path("evalLoss")).isEqualTo(last);
  }

  @Test
  void anInterruptedEvaluationIsMadeUpForOnce() throws IOException {
    Path job = job();
    Path expected = folder.resolve("uninterrupted");
    assertThat(run(job, expected, new StopRequest(false))).isZero();
    Path actual = folder.resolve("interrupted");
    // Asked at the start, before the first evaluation, and twice a step: then comes the evaluation.
    assertThat(run(job, actual, new StopAfter(8))).isEqualTo(ExitCode.YIELDED.code());
    assertThat(JSON.readTree(TrainingJobs.find(actual, "head.json").toFile()).path("latest"))
        .hasToString("3");
    assertThat(JSON.readTree(TrainingJobs.find(actual, "state.json").toFile()).path("unevaluated"))
        .isNotEmpty();
    int status = ExitCode.YIELDED.code();
    for (int attempt = 0; status == ExitCode.YIELDED.code(); attempt++) {
      status = run(job, actual, new StopAfter(5 + attempt % 3));
      assertThat(attempt).as("each attempt gets on").isLessThan(STEPS);
    }
    assertThat(status).isZero();
    assertThat(metrics(actual)).isEqualTo(metrics(expected));
    assertThat(TrainingJobs.find(actual, "adapter/adapter_model.safetensors"))
        .hasSameBinaryContentAs(TrainingJobs.find(expected, "adapter/adapter_model.safetensors"));
  }

  @Test
  void refusesToEvaluateOnNoRows() throws IOException {
    Files.writeString(
        folder.resolve("data.jsonl"), "{\"input_ids\": [5, 6, 7], \"labels\": [5, 6, 7]}\n");
    Ended ended = TrainingJobs.run(job());
    assertThat(ended.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(ended.error())
        .startsWith(
            "trainer: spec.dataset.evalFraction: needs two rows that differ, found only one in ");
  }

  private Path job() throws IOException {
    TrainingJobs jobs = new TrainingJobs(folder);
    return jobs.write(
        jobs.yaml(
            "maxSteps: 12",
            "maxSteps: " + STEPS,
            "schedule: cosine",
            "schedule: reduceOnPlateau",
            "warmupSteps: 2",
            "warmupSteps: 1",
            "precision: fp32",
            "precision: fp32\n    evalEverySteps: "
                + EVERY
                + "\n    scheduleOptions: {patience: 0, factor: 0.5, threshold: 0.5}"));
  }

  private static int run(Path job, Path storage, StopRequest stop) {
    return TrainingJobs.command(
            stop, "run", "--job", job.toString(), "--storage", "file:" + storage)
        .status();
  }

  private static double rate(Map<Integer, JsonNode> metrics, int step) {
    return metrics.get(step).path("learningRate").asDouble();
  }

  /** Returns what was measured at each step, without times; no step is reported twice. */
  private static Map<Integer, JsonNode> metrics(Path storage) throws IOException {
    List<Path> parts;
    try (Stream<Path> files = Files.walk(storage)) {
      parts = files.filter(f -> f.getFileName().toString().startsWith("metrics-")).toList();
    }
    Map<Integer, JsonNode> steps = new TreeMap<>();
    for (Path part : parts) {
      for (String line : Files.readAllLines(part)) {
        ObjectNode metrics = (ObjectNode) JSON.readTree(line);
        metrics.remove(List.of("seconds", "tokensPerSecond"));
        assertThat(steps.put(metrics.path("step").asInt(), metrics)).isNull();
      }
    }
    assertThat(steps).hasSize(STEPS);
    return steps;
  }
}
