package dev.finetune.api.spec;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class YamlScalarTest {
  @ParameterizedTest
  @CsvSource({
    "2e-4, 2.0E-4",
    "1e3, 1000.0",
    ".5, 0.5",
    "5., 5.0",
    "-1.5E+2, -150.0",
    "1_000, 1000",
    "0x1F, 31",
    "0b101, 5",
    "0o17, 15",
    "017, 15",
    "-42, -42",
    "+7, 7",
    "0, 0",
    "9007199254740993, 9007199254740993",
    "99999999999999999999, 99999999999999999999",
    "089, 89.0"
  })
  void readsNumbersAsKubectlDoes(String text, String number) {
    assertThat(YamlScalar.resolve(text).isNumber()).isTrue();
    assertThat(YamlScalar.resolve(text).asText()).isEqualTo(number);
  }

  @ParameterizedTest
  @ValueSource(strings = {"yes", "On", "TRUE", "y", "no", "OFF", "false", "N"})
  void readsBooleansAsKubectlDoes(String text) {
    assertThat(YamlScalar.resolve(text).isBoolean()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"16Gi", "500m", "1.2.3", "e5", "2e", "--1", "0x", "tRue", "2026-01-01", "1:30"})
  void takesAllElseForText(String text) {
    assertThat(YamlScalar.resolve(text).isTextual()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "~", "null", "NULL"})
  void readsNull(String text) {
    assertThat(YamlScalar.resolve(text).isNull()).isTrue();
  }
}
