package dev.finetune.bench;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.run.RunJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class ResultTableTest {
  private static final String NAME = "lora-fp32-1x512";

  @Test
  void comparesMediansOverRepetitions() throws IOException {
    List<String> lines = new ArrayList<>(List.of(environment(false)));
    lines.add(line("ours", 1, result(300, 900, "same", 2.0, 1.5)));
    lines.add(line("ours", 2, result(100, 1100, "same", 2.0, 1.5)));
    lines.add(line("ours", 3, result(200, 1000, "same", 2.0, 1.5)));
    lines.add(line("theirs", 1, result(90, 3900, "same", 2.0, 1.5)));
    lines.add(line("theirs", 2, result(110, 4100, "same", 2.0, 1.5)));
    String page = ResultTable.of(lines).markdown();
    assertThat(page)
        .contains("| lora-fp32-1x512 | 200.0 | 100.0 | 2.00 | 150.0 | 75.0 | 1000 | 4000 | 0.25 |")
        .contains("| 3 + 2 |")
        .contains("| lora-fp32-1x512 | jvm 0.50 (0.25), model 1.00 (2.00) |")
        .contains("commit 0123456789ab\n")
        .doesNotContain("Without a result");
  }

  @Test
  void showsTheDifferenceOfTheLossesAndWhetherTheRowsAreTheSame() throws IOException {
    String page =
        ResultTable.of(
                List.of(
                    environment(true),
                    line("ours", 1, result(1, 1, "one", 2.0, 1.5)),
                    line("theirs", 1, result(1, 1, "other", 2.0, 1.75))))
            .markdown();
    assertThat(page)
        .contains("| lora-fp32-1x512 | NO | 2.000000 | 2.000000 | 2.5e-01 | +0.0e+00 -2.5e-01 |")
        .contains("with changes on top of it");
  }

  @Test
  void leavesCellsOfASideWithoutResultsEmptyAndSaysWhy() throws IOException {
    String page =
        ResultTable.of(
                List.of(
                    environment(false),
                    line("ours", 1, result(200, 1000, "same", 2.0, 1.5)),
                    "{\"side\":\"theirs\",\"configuration\":\"lora-fp32-1x512\",\"repetition\":1,"
                        + "\"error\":\"out of memory\"}"))
            .markdown();
    assertThat(page)
        .contains("| lora-fp32-1x512 | 200.0 |  |  | 150.0 |  | 1000 |  |  |")
        .contains("- lora-fp32-1x512, theirs: out of memory");
  }

  /** Of 0.5 GFLOP a token at 200 GFLOP/s the limit is 400 tokens a second. */
  @Test
  void showsTheShareOfTheMachinesRateOverTheMeasuredSteps() throws IOException {
    String page =
        ResultTable.of(
                List.of(
                    environment(false),
                    RunJson.writeLine(new ProductRates(200e9, 400e9)),
                    line("ours", 1, result(300, 1000, "same", 2.0, 1.5)),
                    line("theirs", 1, result(100, 1000, "same", 2.0, 1.5))))
            .markdown();
    assertThat(page).contains("| lora-fp32-1x512 | 0.500 | 200 | 400 | 0.75 | 0.25 |");
  }

  @Test
  void refusesResultsThatDoNotSayWhereTheyWereMeasured() {
    assertThatThrownBy(
            () -> ResultTable.of(List.of(line("ours", 1, result(1, 1, "same", 2.0, 1.5)))))
        .hasMessageContaining("expected a line that tells the environment");
  }

  @Test
  void everyConfigurationIsFoundByItsName() {
    assertThat(Configuration.all())
        .hasSize(9)
        .allSatisfy(each -> assertThat(Configuration.of(each.name())).isEqualTo(each));
    assertThatThrownBy(() -> Configuration.of("lora-fp16"))
        .hasMessageContaining("expected one of lora-fp32-4-rows, ")
        .hasMessageContaining("was lora-fp16");
  }

  private static String environment(boolean dirty) throws IOException {
    return RunJson.writeLine(
        Environment.of(
            new Environment.Source("bench/run", "0123456789ab", dirty),
            Path.of("models/model.gguf"),
            Path.of("rows.jsonl")));
  }

  private static String line(String side, int repetition, Measurement.Result result) {
    Measurement.Side who = side.equals("ours") ? Measurement.Side.OURS : Measurement.Side.THEIRS;
    return RunJson.writeLine(new Measurement(who, NAME, repetition, null, result));
  }

  private static Measurement.Result result(
      double speed, double peak, String digest, double firstLoss, double secondLoss) {
    return new Measurement.Result(
        2,
        1,
        speed,
        speed * 0.75,
        1.9,
        peak,
        10,
        5,
        List.of(1.0, 2.0),
        List.of(firstLoss, secondLoss),
        List.of(512, 512),
        List.of(1e12, 0.5 * 512e9),
        digest,
        Map.of("model", new Measurement.Phase(1.5, 2.25), "jvm", new Measurement.Phase(0.5, 0.25)),
        Map.of("java", "25"));
  }
}
