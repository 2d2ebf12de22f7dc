package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.ExitCode;
import dev.finetune.embedded.objectstore.EmbeddedObjectStore;
import dev.finetune.embedded.objectstore.ObjectStoreOptions;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.recipe.TrainingJobs.Ended;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Each mistake ends with one clear message, the right exit code, and no adapter. */
class BadInputTest {
  @TempDir private Path folder;
  private TrainingJobs jobs;

  @BeforeEach
  void makeJobs() {
    jobs = new TrainingJobs(folder);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "maxSteps: 12 | maxSteps: 0 | spec.training.maxSteps",
        "schedule: cosine | schedule: sine | spec.training.schedule",
        "rank: 4 | rnk: 4 | spec.adapter.rnk",
        "warmupSteps: 2 | {warmupSteps: 2, warmupRatio: 0.1} | spec.training",
        "format: tokens | format: dialog | spec.dataset.format"
      })
  void namesTheFieldOfABrokenJob(String text, String broken, String field) throws IOException {
    String replacement = broken.startsWith("{") ? "warmupSteps: 2\n    warmupRatio: 0.1" : broken;
    fails(jobs.yaml(text, replacement), ExitCode.INVALID, field);
  }

  @Test
  void namesAMissingFile() throws IOException {
    fails(
        jobs.yaml("data.jsonl", "absent.jsonl"),
        ExitCode.INVALID,
        "spec.dataset.train",
        "absent.jsonl");
    fails(jobs.yaml("tiny-llama", "no-llama"), ExitCode.INVALID, "spec.model.uri", "no-llama");
  }

  @Test
  void namesTheLineOfABrokenRow() throws IOException {
    Files.writeString(
        folder.resolve("data.jsonl"),
        "{\"input_ids\": [5, 6], \"labels\": [5, 6]}\n{\"input_ids\": [5, 6], \"labels\": [5,\n");
    fails(jobs.yaml(), ExitCode.INVALID, "data.jsonl", "line 2");
  }

  @Test
  void refusesADataSetOfWhichNothingIsLearned() throws IOException {
    Files.writeString(
        folder.resolve("data.jsonl"), "{\"input_ids\": [5, 6], \"labels\": [-100, -100]}\n");
    fails(jobs.yaml(), ExitCode.INVALID, "data.jsonl", "1 of 1 rows has no token to learn");
  }

  @Test
  void namesAnArchitectureThatIsNotSupported() throws IOException {
    Path model = copyOfModel();
    Path config = model.resolve("config.json");
    Files.writeString(
        config,
        Files.readString(config)
            .replace("LlamaForCausalLM", "MambaForCausalLM")
            .replace("\"llama\"", "\"mamba\""));
    fails(withModel(model), ExitCode.INVALID, "config.json", "'mamba' is not supported");
  }

  @Test
  void refusesATruncatedModelBeforeItIsLoaded() throws IOException {
    Path model = copyOfModel();
    Path weights = model.resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    Files.write(weights, Arrays.copyOf(bytes, bytes.length - 1000));
    fails(withModel(model), ExitCode.INVALID, "model.safetensors");
  }

  @Test
  void refusesAHostileHeaderWithoutReadingWhatItClaims() throws IOException {
    Path model = copyOfModel();
    byte[] hostile = new byte[64];
    Arrays.fill(hostile, 0, 8, (byte) 0x7f);
    Files.write(model.resolve("model.safetensors"), hostile);
    fails(withModel(model), ExitCode.INVALID, "model.safetensors");
    Path gguf =
        Files.write(
            folder.resolve("hostile.gguf"),
            "GGUF\3\0\0\0\377\377".getBytes(java.nio.charset.StandardCharsets.ISO_8859_1));
    fails(withModel(gguf), ExitCode.INVALID, "hostile.gguf");
  }

  @Test
  void namesTheTargetModuleThatMatchesNothing() throws IOException {
    fails(
        jobs.yaml("rank: 4", "rank: 4\n    targetModules: [q_proj, query]"),
        ExitCode.INVALID,
        "spec.adapter.targetModules[1]",
        "'query' matches none");
  }

  @Test
  void saysThatCredentialsAreWrongAndNotWhichTheyAre() throws Exception {
    try (EmbeddedObjectStore server =
        EmbeddedObjectStore.start(
            ObjectStoreOptions.in(Files.createDirectory(folder.resolve("objects")))
                .credentials("finetune", "the-right-secret-key"))) {
      server.createBucket("finetune");
      String yaml =
          jobs.yaml(
              "uri: file:" + folder.resolve("runs"),
              "uri: s3://finetune/runs\n    endpoint: " + server.endpoint());
      Path job = jobs.write(yaml);
      System.setProperty("aws.accessKeyId", "finetune");
      System.setProperty("aws.secretAccessKey", "the-wrong-secret-key");
      Ended ended = TrainingJobs.run(job);
      assertThat(ended.status()).isEqualTo(ExitCode.INVALID.code());
      assertThat(ended.error()).contains("spec.storage.secretRef").doesNotContain("secret-key");
    } finally {
      System.clearProperty("aws.accessKeyId");
      System.clearProperty("aws.secretAccessKey");
    }
  }

  @Test
  void saysThatADiskIsFull() throws IOException {
    // A device on which every write fails as on a full disk.
    Path full = Path.of("/dev/full");
    Ended ended = TrainingJobs.run(jobs.write(jobs.yaml()), "--metrics", full.toString());
    assertThat(ended.status()).isEqualTo(ExitCode.STORAGE_UNREACHABLE.code());
    assertThat(ended.error()).contains("--metrics /dev/full", "No space left");
    try (Stream<Path> files = Files.walk(folder)) {
      assertThat(files.filter(file -> file.toString().contains("adapter/"))).isEmpty();
    }
  }

  @Test
  void refusesOtherBytesBehindTheSameUri() throws IOException {
    Path job = jobs.write(jobs.yaml());
    StopRequest stopped = new StopRequest(false);
    stopped.request();
    assertThat(TrainingJobs.command(stopped, "run", "--job", job.toString()).status())
        .isEqualTo(ExitCode.YIELDED.code());
    Path data = folder.resolve("data.jsonl");
    Files.writeString(
        data, Files.readString(data) + "{\"input_ids\": [5, 6], \"labels\": [5, 6]}\n");
    fails(jobs.yaml(), ExitCode.INVALID, "spec.dataset.train", "runId");
  }

  private String withModel(Path model) {
    return jobs.yaml(
        Goldens.path("models/tiny-llama").toAbsolutePath().toString(), model.toString());
  }

  private Path copyOfModel() throws IOException {
    Path copy = Files.createDirectories(folder.resolve("model"));
    try (Stream<Path> files = Files.list(Goldens.path("models/tiny-llama"))) {
      for (Path file : files.toList()) {
        Files.write(copy.resolve(file.getFileName().toString()), Files.readAllBytes(file));
      }
    }
    return copy;
  }

  private void fails(String yaml, ExitCode expected, String... words) throws IOException {
    Ended ended = TrainingJobs.run(jobs.write(yaml));
    assertThat(ended.error()).contains(words).startsWith("trainer: ").doesNotContain("\tat ");
    assertThat(ended.status()).isEqualTo(expected.code());
    try (Stream<Path> files = Files.walk(folder)) {
      assertThat(files.filter(file -> file.toString().contains("adapter_model"))).isEmpty();
    }
  }
}
