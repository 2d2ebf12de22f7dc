package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.recipe.TrainingJobs.Ended;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Runs of classification from the job to the answer. */
class ClassificationTest {
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Path MODEL = Goldens.path("models/tiny-llama").toAbsolutePath();
  private static final List<String> WORDS =
      List.of("the", "garden", "was", "beginning", "to", "think", "of", "daisies", "sister");

  @TempDir private Path folder;

  @Test
  void tellsTextsApartAndGoesOnAfterAnInterruption() throws IOException {
    Files.write(folder.resolve("data.jsonl"), texts(60, 1));
    Path held = Files.write(folder.resolve("eval.jsonl"), texts(30, 2));
    Path job =
        job(
            "SequenceClassification",
            "labeledText",
            "\n  classification: {balanced: true}\n  evaluation: {metric: accuracy}");
    Path storage = folder.resolve("interrupted");
    StopRequest stop = new StopAfter(40);
    assertThat(run(job, storage, stop).status()).isEqualTo(ExitCode.YIELDED.code());
    assertThat(run(job, storage, new StopRequest(false)).status()).isZero();
    Path adapter = TrainingJobs.find(storage, "adapter/adapter_model.safetensors").getParent();
    JsonNode config = JSON.readTree(adapter.resolve("adapter_config.json").toFile());
    assertThat(config.path("task_type").asText()).isEqualTo("SEQ_CLS");
    assertThat(config.path("modules_to_save")).hasToString("[\"classifier\",\"score\"]");
    assertThat(JSON.readTree(adapter.resolve("labels.json").toFile()))
        .isEqualTo(
            JSON.readTree(
                """
                {"id2label": {"0": "plain", "1": "rabbit"}, "label2id": {"plain": 0, "rabbit": 1},
                 "num_labels": 2, "problem_type": "single_label_classification"}
                """));
    JsonNode frozen = JSON.readTree(TrainingJobs.find(storage, "run.json").toFile());
    assertThat(frozen.path("labels")).hasToString("[\"plain\",\"rabbit\"]");
    JsonNode result = evaluate(adapter, held);
    JsonNode measured = result.path("measured");
    assertThat(measured.path("values").path("accuracy").asDouble()).isGreaterThan(0.9);
    assertThat(measured.path("intervals").path("accuracy").path("low").asDouble()).isPositive();
    assertThat(measured.path("classes").path("classes")).hasSize(2);
    assertThat(result.path("supervisedTokens").asInt()).isEqualTo(30);
    JsonNode answer =
        JSON.readTree(command("classify", adapter, "--text", "the rabbit 7").output());
    assertThat(answer.path("label").asText()).isEqualTo("rabbit");
    assertThat(answer.path("probability").asDouble()).isBetween(0.5, 1.0);
    Ended generated = command("generate", adapter, "--prompt", "the");
    assertThat(generated.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(generated.error()).contains("--adapter: must be one of CAUSAL_LM");

    Path whole = folder.resolve("whole");
    assertThat(run(job, whole, new StopRequest(false)).status()).isZero();
    assertThat(adapter.resolve("adapter_model.safetensors"))
        .hasSameBinaryContentAs(TrainingJobs.find(whole, "adapter/adapter_model.safetensors"));
  }

  @Test
  void findsEntitiesAmongWords() throws IOException {
    Files.write(folder.resolve("data.jsonl"), sentences(60, 1));
    Path held = Files.write(folder.resolve("eval.jsonl"), sentences(20, 2));
    Path job =
        job(
            "TokenClassification",
            "labeledTokens",
            "\n  classification: {labels: [O, B-NUM]}\n  evaluation: {metric: entityF1}");
    Path storage = folder.resolve("runs");
    Ended ended = run(job, storage, new StopRequest(false));
    assertThat(ended.error()).isEmpty();
    Path adapter = TrainingJobs.find(storage, "adapter/adapter_model.safetensors").getParent();
    JsonNode config = JSON.readTree(adapter.resolve("adapter_config.json").toFile());
    assertThat(config.path("task_type").asText()).isEqualTo("TOKEN_CLS");
    JsonNode measured = evaluate(adapter, held).path("measured");
    assertThat(measured.path("values").path("entityF1").asDouble()).isGreaterThan(0.85);
    assertThat(measured.path("entities").path("classes").get(0).path("label").asText())
        .isEqualTo("NUM");
    String question = "the 817 garden 245 was 634 to 178";
    List<String> lines = command("classify", adapter, "--text", question).output().lines().toList();
    assertThat(lines).hasSize(8);
    int right = 0;
    for (int i = 0; i < lines.size(); i++) {
      JsonNode answer = JSON.readTree(lines.get(i));
      assertThat(answer.path("text").asText()).isEqualTo(question.split(" ", -1)[i]);
      assertThat(answer.path("probability").asDouble()).isBetween(0.5, 1.0);
      right += answer.path("label").asText().equals(i % 2 == 0 ? "O" : "B-NUM") ? 1 : 0;
    }
    assertThat(right).isGreaterThanOrEqualTo(7);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "classification: {classWeights: {cat: 2}}|spec.classification.classWeights[cat]: must be one of the labels plain, rabbit",
        "classification: {subwords: all}|spec.classification.subwords: is of TokenClassification only",
        "classification: {problemType: regression, balanced: true}|spec.classification.balanced: a regression has no labels",
        "classification: {labels: [plain, plain]}|spec.classification.labels: must differ from each other",
        "evaluation: {metric: entityF1}|spec.evaluation.metric: must be one of [LOSS, ACCURACY, MACRO_F1, MICRO_F1] for this task and its labels, was ENTITY_F1",
      })
  void namesTheFieldThatMeansNothingToTheTask(String more, String message) throws IOException {
    Files.write(folder.resolve("data.jsonl"), texts(8, 1));
    Ended ended =
        run(
            job("SequenceClassification", "labeledText", "\n  " + more),
            folder.resolve("runs"),
            new StopRequest(false));
    assertThat(ended.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(ended.error()).isEqualTo("trainer: " + message);
  }

  private Path job(String task, String format, String more) throws IOException {
    TrainingJobs jobs = new TrainingJobs(folder);
    return jobs.write(
        jobs.yaml(
            "format: tokens",
            "format: " + format,
            "evalFraction: 0.1",
            "evalFraction: 0.2",
            "spec:\n",
            "spec:\n  task: " + task + more + "\n",
            "maxSteps: 12",
            "maxSteps: 40\n    evalEverySteps: 20",
            "learningRate: 2e-3",
            "learningRate: 1e-2",
            "globalBatchSize: 4",
            "globalBatchSize: 8"));
  }

  private static Ended run(Path job, Path storage, StopRequest stop) {
    return TrainingJobs.command(
        stop, "run", "--job", job.toString(), "--storage", "file:" + storage);
  }

  private static JsonNode evaluate(Path adapter, Path data) throws IOException {
    Ended ended = command("evaluate", adapter, "--data", data.toString());
    assertThat(ended.error()).isEmpty();
    return JSON.readTree(ended.output());
  }

  private static Ended command(String name, Path adapter, String... more) {
    List<String> arguments =
        new ArrayList<>(
            List.of(
                name,
                "--model",
                MODEL.toString(),
                "--adapter",
                adapter.toString(),
                "--precision",
                "fp32"));
    arguments.addAll(List.of(more));
    return TrainingJobs.command(new StopRequest(false), arguments.toArray(String[]::new));
  }

  /** Texts that end in a rabbit, or do not. */
  private static List<String> texts(int count, int seed) {
    Random random = new Random(seed);
    List<String> rows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      boolean rabbit = random.nextInt(3) == 0;
      rows.add(
          "{\"text\": \"%s %s %d\", \"label\": \"%s\"}"
              .formatted(
                  word(random),
                  rabbit ? "rabbit" : word(random),
                  100 * seed + i,
                  rabbit ? "rabbit" : "plain"));
    }
    return rows;
  }

  /** Sentences of words and numbers. */
  private static List<String> sentences(int count, int seed) {
    Random random = new Random(seed);
    List<String> rows = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      List<String> words = new ArrayList<>();
      List<String> labels = new ArrayList<>();
      for (int w = 0; w < 6; w++) {
        boolean number = random.nextInt(3) == 0;
        words.add('"' + (number ? String.valueOf(10 + random.nextInt(900)) : word(random)) + '"');
        labels.add(number ? "\"B-NUM\"" : "\"O\"");
      }
      rows.add("{\"tokens\": %s, \"labels\": %s}".formatted(words, labels));
    }
    return rows;
  }

  private static String word(Random random) {
    return WORDS.get(random.nextInt(WORDS.size()));
  }
}
