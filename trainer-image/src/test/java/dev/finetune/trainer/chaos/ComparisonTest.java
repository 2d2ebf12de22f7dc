package dev.finetune.trainer.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class ComparisonTest {
  private static RunOutcome outcome(byte[] adapter, String metrics) {
    return new RunOutcome(
        new TreeMap<>(Map.of("adapter_model.safetensors", adapter)),
        new TreeMap<>(Map.of(1, metrics)));
  }

  @Test
  void equalOutcomesDifferInNothing() {
    Comparison comparison =
        Comparison.of(outcome(new byte[] {1, 2}, "{}"), outcome(new byte[] {1, 2}, "{}"));
    assertThat(comparison.differences()).isEmpty();
    assertThat(comparison.bytes()).isZero();
  }

  @Test
  void countsBytesThatDifferOrAreMissing() {
    Comparison comparison =
        Comparison.of(outcome(new byte[] {1, 2, 3}, "{}"), outcome(new byte[] {1, 9}, "{}"));
    assertThat(comparison.bytes()).isEqualTo(2);
    assertThat(comparison.differences()).singleElement().asString().contains("2 bytes");
  }

  @Test
  void namesAFileThatIsMissingAndAStepWhoseMetricsDiffer() {
    RunOutcome empty = new RunOutcome(new TreeMap<>(), new TreeMap<>(Map.of(1, "{\"loss\":2}")));
    Comparison comparison = Comparison.of(outcome(new byte[4], "{\"loss\":1}"), empty);
    assertThat(comparison.differences())
        .anyMatch(text -> text.startsWith("adapter_model.safetensors: 4 bytes"))
        .anyMatch(text -> text.contains("step 1") && text.contains("{\"loss\":2}"));
  }
}
