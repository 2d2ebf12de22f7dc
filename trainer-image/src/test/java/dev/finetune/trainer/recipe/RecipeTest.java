package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.adapter.AdapterConfig;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.recipe.TrainingJobs.Ended;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Whole runs on the tiny Llama, by the command line. */
class RecipeTest {
  @TempDir private Path folder;
  private TrainingJobs jobs;

  @BeforeEach
  void makeJobs() {
    jobs = new TrainingJobs(folder);
  }

  @Test
  void deliversAnAdapterThatIsBetterOnWhatItLearned() throws IOException {
    Path metrics = folder.resolve("metrics.jsonl");
    Ended ended =
        TrainingJobs.run(
            jobs.write(jobs.yaml("maxSteps: 12", "maxSteps: 60")), "--metrics", metrics.toString());
    assertThat(ended.error()).isEmpty();
    assertThat(ended.status()).isZero();
    Path adapter = delivered();
    assertThat(loss("--adapter", adapter.toString())).isLessThan(loss() - 0.1);
    List<String> lines = Files.readAllLines(metrics);
    assertThat(lines).hasSize(60);
    JsonNode first = new ObjectMapper().readTree(lines.getFirst());
    assertThat(first.fieldNames())
        .toIterable()
        .containsExactlyInAnyOrder(
            "step",
            "loss",
            "learningRate",
            "gradientNorm",
            "tokens",
            "supervisedTokens",
            "tokensPerSecond",
            "seconds");
    assertThat(first.path("step").asInt()).isEqualTo(1);
  }

  @Test
  void headAndDeliveryTellTheHeldOutLossBeforeAndAfter() throws IOException {
    assertThat(TrainingJobs.run(jobs.write(jobs.yaml())).status()).isZero();
    JsonNode head = head();
    assertThat(head.path("delivered").path("steps").asInt()).isEqualTo(12);
    assertThat(head.path("delivered").path("evalLossBefore").asDouble()).isPositive();
    assertThat(head.path("delivered").path("evalLossAfter").asDouble()).isPositive();
    assertThat(head.path("checkpoints")).hasSize(2);
  }

  @Test
  void aDeliveredRunIsNotRunAgain() throws IOException {
    Path job = jobs.write(jobs.yaml());
    assertThat(TrainingJobs.run(job).status()).isZero();
    JsonNode before = head();
    assertThat(TrainingJobs.run(job).status()).isZero();
    assertThat(head()).isEqualTo(before);
  }

  @Test
  void startsFromAnExistingAdapterAndKeepsItsShape() throws IOException {
    assertThat(TrainingJobs.run(jobs.write(jobs.yaml())).status()).isZero();
    Path first = delivered();
    Path storage = folder.resolve("second");
    String fromFirst =
        jobs.yaml(
            "rank: 4\n    alpha: 8", "initFrom: file:" + first, "maxSteps: 12", "maxSteps: 1");
    assertThat(TrainingJobs.run(jobs.write(fromFirst), "--storage", "file:" + storage).status())
        .isZero();
    AdapterConfig config =
        AdapterConfig.read(TrainingJobs.find(storage, "adapter/adapter_config.json"));
    assertThat(config.settings().rank()).isEqualTo(4);
    assertThat(config.settings().alpha()).isEqualTo(8);
    // The first step of a warm-up has learning rate 0, so nothing but the start is in the result.
    assertThat(TrainingJobs.find(storage, "adapter/adapter_model.safetensors"))
        .hasSameBinaryContentAs(first.resolve("adapter_model.safetensors"));
  }

  @Test
  void refusesARankOtherThanThatOfTheAdapterItStartsFrom() throws IOException {
    assertThat(TrainingJobs.run(jobs.write(jobs.yaml())).status()).isZero();
    Path first = delivered();
    String other = jobs.yaml("rank: 4\n    alpha: 8", "rank: 5\n    initFrom: file:" + first);
    Ended ended = TrainingJobs.run(jobs.write(other), "--storage", "file:" + folder.resolve("x"));
    assertThat(ended.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(ended.error())
        .isEqualTo("trainer: spec.adapter.rank: must be that of spec.adapter.initFrom, 4, was 5");
  }

  @Test
  void generatesFromTheCommandLine() {
    Ended ended =
        command(
            "generate",
            "--model",
            model(),
            "--prompt",
            "The White Rabbit",
            "--max-tokens",
            "5",
            "--precision",
            "fp32");
    assertThat(ended.error())
        .matches("5 tokens, [0-9.]+ tokens/s after [0-9.]+ s for the prompt; ended by the limit");
    assertThat(ended.status()).isZero();
    assertThat(ended.output()).isNotEmpty();
  }

  @Test
  void saysWhichOptionIsWrong() {
    Ended ended = command("generate", "--model", model(), "--prompt", "x", "--precision", "fp8");
    assertThat(ended.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(ended.error())
        .isEqualTo("trainer: --precision: must be auto, fp32 or bf16, was fp8");
  }

  @Test
  void evaluatesLongRowsOnlyAsItIsToldTo() throws IOException {
    jobs.write(jobs.yaml());
    String data = folder.resolve("data.jsonl").toString();
    String[] short20 = {"evaluate", "--model", model(), "--data", data, "--format", "tokens"};
    List<String> arguments = new ArrayList<>(List.of(short20));
    arguments.addAll(List.of("--precision", "fp32", "--max-length", "20"));
    Ended failing = command(arguments.toArray(String[]::new));
    assertThat(failing.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(failing.error()).contains("longer than --max-length 20", "set --too-long to");
    arguments.addAll(List.of("--too-long", "truncate"));
    JsonNode cut = new ObjectMapper().readTree(command(arguments.toArray(String[]::new)).output());
    assertThat(cut.path("rows").asInt()).isEqualTo(23);
    assertThat(cut.path("rowsCut").asInt()).isPositive();
    assertThat(cut.path("rowsLeftOut").asInt()).isZero();
  }

  private double loss(String... more) throws IOException {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                "evaluate",
                "--model",
                model(),
                "--data",
                folder.resolve("data.jsonl").toString(),
                "--format",
                "tokens",
                "--precision",
                "fp32"));
    arguments.addAll(List.of(more));
    Ended ended = command(arguments.toArray(String[]::new));
    assertThat(ended.error()).isEmpty();
    return new ObjectMapper().readTree(ended.output()).path("loss").asDouble();
  }

  private static Ended command(String... arguments) {
    return TrainingJobs.command(new StopRequest(false), arguments);
  }

  private static String model() {
    return Goldens.path("models/tiny-llama").toString();
  }

  private Path delivered() throws IOException {
    return TrainingJobs.find(folder.resolve("runs"), "adapter/adapter_config.json").getParent();
  }

  private JsonNode head() throws IOException {
    return new ObjectMapper()
        .readTree(TrainingJobs.find(folder.resolve("runs"), "head.json").toFile());
  }
}
