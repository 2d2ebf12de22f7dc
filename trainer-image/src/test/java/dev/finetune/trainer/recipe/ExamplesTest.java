package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.recipe.TrainingJobs.Ended;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every job among the examples trains and delivers: on the tiny Llama, two steps, a few rows. */
class ExamplesTest {
  private static final Path EXAMPLES = Path.of("../examples");
  private static final Path STAND_INS = Path.of("src/test/resources/examples");
  private static final int ROWS = 12;
  private static final Pattern DATA = Pattern.compile("s3://finetune/datasets/(\\S+)");

  @TempDir private Path folder;

  static List<Path> jobs() throws IOException {
    try (Stream<Path> files = Files.walk(EXAMPLES, 2)) {
      return files.filter(file -> file.toString().endsWith("job.yaml")).sorted().toList();
    }
  }

  @ParameterizedTest
  @MethodSource("jobs")
  void trainsAndDelivers(Path example) throws IOException {
    String model = Goldens.path("models/tiny-llama").toAbsolutePath().toString();
    String yaml =
        DATA.matcher(Files.readString(example))
            .replaceAll(match -> "file:" + rows(example, match))
            .replaceAll("s3://finetune/models/\\S+", "file:" + model)
            .replaceAll("s3://finetune/runs", "file:" + folder.resolve("runs"))
            .replaceAll("epochs: \\d+", "maxSteps: 2")
            .replaceAll("maxSteps: \\d+", "maxSteps: 2")
            .replaceAll("evalEverySteps: \\d+", "evalEverySteps: 1")
            .replaceAll("globalBatchSize: \\d+", "globalBatchSize: 2")
            .replaceAll("maxLength: \\d+", "maxLength: 2048")
            .replaceAll("answerTokens: \\d+", "answerTokens: 4")
            .replaceAll("format: chat", "format: chat\n    chatTemplate: \"" + TEMPLATE + "\"");
    if (!yaml.contains("maxSteps")) {
      yaml = yaml.replace("  storage:", "  training:\n    maxSteps: 2\n  storage:");
    }
    Path job = Files.writeString(folder.resolve("job.yaml"), yaml);

    Ended ended = TrainingJobs.run(job);

    assertThat(ended.error()).isEmpty();
    assertThat(ended.status()).isZero();
    assertThat(TrainingJobs.find(folder.resolve("runs"), "adapter/adapter_model.safetensors"))
        .isNotEmptyFile();
  }

  /** The tokenizer of the tiny Llama has no template of its own. */
  private static final String TEMPLATE =
      "{% for m in messages %}{{ m.role + ': ' + m.content + ' ' }}{% endfor %}"
          + "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";

  /** Returns a file with the first rows of one that an example names. */
  private String rows(Path example, MatchResult match) {
    Path name = Path.of(match.group(1)).getFileName();
    Path own = example.resolveSibling("data").resolve(name);
    Path fetched = STAND_INS.resolve(match.group(1));
    Path copy = folder.resolve(name);
    try (Stream<String> lines = Files.lines(Files.exists(fetched) ? fetched : own)) {
      return Files.write(copy, lines.limit(ROWS).toList()).toString();
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
