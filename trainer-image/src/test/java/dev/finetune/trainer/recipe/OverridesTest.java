package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.run.RunRecord;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class OverridesTest {
  private static final RunRecord FROZEN =
      new RunRecord("hash", new TreeMap<>(), "fp32", 2, 4096, false, new TreeMap<>(), 1);

  @Test
  void nothingIsOtherwiseUnlessAskedFor() {
    Overrides none = Overrides.of(null, null, new Environment(Map.of()));
    assertThat(none).isEqualTo(Overrides.NONE);
    assertThat(none.proposed(FROZEN)).isEqualTo(FROZEN);
    assertThat(none.applied(FROZEN, 512)).isEqualTo(FROZEN);
  }

  @ParameterizedTest
  @CsvSource({"1, 512, 4096", "2, 512, 2048", "8, 512, 512", "8, 600, 600", "8, 5000, 4096"})
  void theDivisorDividesTheFrozenBudgetDownToTheLengthOfAnExample(
      String divisor, int maxLength, int budget) {
    Overrides overrides = Overrides.of(null, null, environment(divisor));
    assertThat(overrides.proposed(FROZEN)).as("it passes").isEqualTo(FROZEN);
    assertThat(overrides.applied(FROZEN, maxLength)).isEqualTo(FROZEN.with(2, budget));
  }

  @Test
  void optionsCountMoreThanWhatWasFrozenAndNothingElseChanges() {
    Overrides overrides = Overrides.of(3, 99, environment("4"));
    assertThat(overrides.proposed(FROZEN)).isEqualTo(FROZEN.with(3, 99));
    assertThat(overrides.applied(FROZEN, 512)).isEqualTo(FROZEN.with(3, 99));
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "3", "-2", "16", "two", "2.0"})
  void refusesAnotherDivisor(String divisor) {
    assertThatThrownBy(() -> Overrides.of(null, null, environment(divisor)))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessage("FINETUNE_TOKEN_BUDGET_DIVISOR: must be 1, 2, 4 or 8, was '" + divisor + "'");
  }

  @Test
  void refusesOptionsOutOfRange() {
    Environment environment = new Environment(Map.of());
    assertThatThrownBy(() -> Overrides.of(0, null, environment))
        .hasMessage("--threads: must be from 1 to 1024, was 0");
    assertThatThrownBy(() -> Overrides.of(null, -5, environment))
        .hasMessage("--token-budget: must be from 1 to 16777216, was -5");
  }

  private static Environment environment(String divisor) {
    return new Environment(Map.of(Overrides.DIVISOR, divisor));
  }
}
