package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.recipe.TrainingJobs.Ended;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AuditCommandTest {
  private static final String MODEL = Goldens.path("models/tiny-llama").toAbsolutePath().toString();
  private static final String GOOD = "{\"prompt\": \"a b\", \"completion\": \" c\"}\n";

  @TempDir private Path folder;
  private TrainingJobs jobs;

  @BeforeEach
  void makeJobs() {
    jobs = new TrainingJobs(folder);
  }

  @Test
  void tellsOfAJobWhatARunWouldSay() throws IOException {
    Ended ended = audit("--job", jobs.write(jobs.yaml()).toString());
    assertThat(ended.error()).isEmpty();
    assertThat(ended.status()).isZero();
    assertThat(ended.output())
        .startsWith("Training data: 23 rows of format tokens, 23 used, with ")
        .contains("longer than maxLength: none", "not readable: none", "without EOS");
  }

  @Test
  void endsWith42AndNamesEverythingThatTheJobDoesNotAllow() throws IOException {
    Path job = jobs.write(jobs.yaml("maxLength: 64", "maxLength: 20"));
    Path data = folder.resolve("data.jsonl");
    Files.writeString(data, Files.readString(data) + "{}\n");
    Ended ended = audit("--job", job.toString());
    assertThat(ended.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(ended.error())
        .startsWith("trainer: " + data + ": ")
        .contains("longer than spec.training.maxLength 20 (row")
        .contains("set spec.dataset.onProblem.tooLong to truncate or drop")
        .contains("1 of 24 rows cannot be read (row 23 (line 24);")
        .contains("spec.dataset.onProblem.broken to drop");
    assertThat(ended.output()).contains("longer than maxLength: ").contains(", not allowed");
    assertThat(TrainingJobs.run(job).error()).isEqualTo(ended.error());
  }

  @Test
  void saysThatARunDroppedAndCutWhatItWasToldTo() throws IOException {
    Path job =
        jobs.write(
            jobs.yaml(
                "maxLength: 64",
                "maxLength: 20",
                "format: tokens",
                "format: tokens\n    onProblem: {tooLong: truncate, broken: drop}"));
    Path data = folder.resolve("data.jsonl");
    Files.writeString(data, "nonsense\n" + Files.readString(data));
    Ended ended = audit("--job", job.toString());
    assertThat(ended.status()).isZero();
    assertThat(ended.output())
        .startsWith("Training data: 24 rows of format tokens, 23 used")
        .containsPattern("longer than maxLength: \\d+, rows .*, cut")
        .contains("not readable: 1, row 0 (line 1), left out; the first: " + data + ": line 1");
  }

  @Test
  void findsTrainingRowsThatAreHeldOutToo() throws IOException {
    Path train = write("train.jsonl", GOOD.repeat(2) + GOOD.replace("a b", "x"));
    Path eval = write("eval.jsonl", GOOD);
    Ended failing = auditRows(train, "--eval-data", eval.toString());
    assertThat(failing.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(failing.error())
        .contains("2 of 3 rows are held out too (rows 0 (line 1), 1 (line 2))")
        .contains("set --leaked to drop or keep");
    Ended dropping = auditRows(train, "--eval-data", eval.toString(), "--leaked", "drop");
    assertThat(dropping.status()).isZero();
    assertThat(dropping.output())
        .contains("Training data: 3 rows of format promptCompletion, 1 used")
        .contains("Held-out data: 1 rows");
  }

  @Test
  void printsJson() throws IOException {
    Path train = write("train.jsonl", GOOD.repeat(3) + "{\"prompt\": 1}\n");
    Ended ended = auditRows(train, "--json");
    assertThat(ended.status()).isEqualTo(ExitCode.INVALID.code());
    JsonNode report = new ObjectMapper().readTree(ended.output());
    JsonNode problems = report.at("/train/problems");
    assertThat(problems.at("/duplicate/rows/count").intValue()).isEqualTo(2);
    assertThat(problems.at("/duplicate/action").textValue()).isEqualTo("keep");
    assertThat(problems.at("/broken/rows/first/0/place").textValue()).isEqualTo("line 4");
    assertThat(report.at("/failures/0").textValue()).contains("1 of 4 rows cannot be read");
    assertThat(report.at("/train/lengths/histogram").isArray()).isTrue();
  }

  @Test
  void showsRowsTokenByTokenWithTheLearnedOnesAndSpecialTokensMarked() throws IOException {
    Path train = write("train.jsonl", GOOD + GOOD.replace("a b", "\u00e9\\n\\u001b<|im_end|>"));
    Ended ended = auditRows(train, "--show", "1");
    assertThat(ended.error()).isEmpty();
    assertThat(ended.output().lines().dropWhile(line -> !line.startsWith("Row ")))
        .first()
        .isEqualTo("Row 0: 4 tokens, 2 learned (*)");
    assertThat(ended.output())
        .contains("     0      68   'a'")
        .containsPattern("2 +\\d+ \\* ' c'\n +3 +2 \\* <\\|im_end\\|>  \\(special\\)$");
    Ended both = auditRows(train, "--show", "9");
    assertThat(both.output()).contains("Row 1: ").doesNotContain("\u001b").contains("  (special)");
  }

  @Test
  void tellsHowManyRowsHaveEachLabelAndShowsThem() throws IOException {
    Path texts =
        write(
            "texts.jsonl",
            """
            {"text": "a b", "label": "ham"}
            {"text": "c", "label": "spam"}
            {"text": "d", "label": "ham"}
            {"text": "a b", "label": "ham"}
            """);
    Ended ended = auditRows(texts, "--format", "labeledText", "--show", "1");
    assertThat(ended.error()).isEmpty();
    assertThat(ended.output())
        .contains("labels: ham 3 (75.0 %), spam 1 (25.0 %)")
        .contains("repeats of an earlier row: 1, row 3 (line 4), kept")
        .doesNotContain("learn to stop: 4")
        .contains("tokens, 1 learned (*), labels ham");
    Path words =
        write("words.jsonl", "{\"tokens\": [\"a\", \"b\"], \"labels\": [\"O\", \"PER\"]}\n");
    assertThat(auditRows(words, "--format", "labeledTokens", "--show", "1").output())
        .contains("labels: O 1 (50.0 %), PER 1 (50.0 %)")
        .containsPattern("\\* 'a'  O\n");
  }

  @Test
  void findsEqualRowsOfSeveralLabelsWhateverNamesWereKnownWhenTheyWereRead() throws IOException {
    Path texts =
        write(
            "texts.jsonl",
            """
            {"text": "a", "labels": ["x"]}
            {"text": "a", "labels": ["x", "y"]}
            {"text": "a", "labels": ["x"]}
            {"text": "a", "labels": []}
            {"text": "a", "labels": ["y", "x"]}
            """);
    Ended ended = auditRows(texts, "--format", "labeledText", "--problem-type", "multiLabel");
    assertThat(ended.output())
        .contains("repeats of an earlier row: 2, rows 2 (line 3), 4 (line 5), kept")
        .contains("labels: x 4 (66.7 %), y 2 (33.3 %)");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--too-long cut | --too-long: must be one of fail, drop, truncate, was cut",
        "--format csv | --format: must be one of alpaca, promptCompletion, text, tokens, chat,"
            + " labeledText, labeledTokens, was csv",
        "--max-length 1 | --max-length: must be at least 2, was 1",
        "--show -1 | --show: must be from 0 to 1000, was -1",
        "--show 1 --json | --show: may not be beside --json",
        "--job x.yaml | --job: says which model"
      })
  void refusesOptionsThatMeanNothing(String options, String message) throws IOException {
    Ended ended = auditRows(write("train.jsonl", GOOD), options.split(" "));
    assertThat(ended.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(ended.error()).startsWith("trainer: " + message);
  }

  @Test
  void asksForAJobOrAModelWithData() {
    assertThat(audit("--model", MODEL).error())
        .isEqualTo("trainer: give either --job, or --model and --data");
  }

  /** The heap is half as large as the rows would be if they were kept. */
  @Test
  void readsAFileThatIsLargerThanTheMemory() throws Exception {
    Path data = folder.resolve("large.jsonl");
    int rows = 10_000;
    try (BufferedWriter out = Files.newBufferedWriter(data)) {
      String ids = "7,".repeat(700);
      for (int i = 0; i < rows; i++) {
        out.write("{\"input_ids\":[" + ids + i % 500 + "],\"labels\":[");
        out.write("-100,".repeat(700) + i / 500 + "]}\n");
      }
    }
    Path log = folder.resolve("audit.log");
    Process process =
        new ProcessBuilder(
                ProcessHandle.current().info().command().orElseThrow(),
                "-Xmx28m",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                "audit",
                "--model",
                MODEL,
                "--data",
                data.toString(),
                "--format",
                "tokens")
            .redirectErrorStream(true)
            .redirectOutput(log.toFile())
            .start();
    assertThat(process.waitFor(2, TimeUnit.MINUTES)).isTrue();
    assertThat(Files.size(data)).isGreaterThan(40L << 20);
    assertThat(Files.readString(log))
        .startsWith("Training data: " + rows + " rows of format tokens, " + rows + " used")
        .contains("repeats of an earlier row: none");
    assertThat(process.exitValue()).isZero();
  }

  private Path write(String name, String content) throws IOException {
    return Files.write(folder.resolve(name), content.getBytes(StandardCharsets.UTF_8));
  }

  private static Ended auditRows(Path data, String... more) {
    List<String> all = new ArrayList<>(List.of("--model", MODEL, "--data", data.toString()));
    List<String> options = List.of(more);
    if (!options.contains("--format")) {
      all.addAll(List.of("--format", "promptCompletion"));
    }
    all.addAll(options);
    return audit(all.toArray(String[]::new));
  }

  private static Ended audit(String... arguments) {
    String[] all = new String[arguments.length + 1];
    all[0] = "audit";
    System.arraycopy(arguments, 0, all, 1, arguments.length);
    return TrainingJobs.command(new StopRequest(false), all);
  }
}
