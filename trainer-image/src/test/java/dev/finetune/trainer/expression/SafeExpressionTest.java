package dev.finetune.trainer.expression;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SafeExpressionTest {
  /** As they are in the tokenizers of GPT-2, Llama 3, Qwen 2, DeepSeek, GPT-4o and Bloom. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
            + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
            + "| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
            + "(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+",
        " ?[^(\\s|[.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c])]+",
        "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
        "[0-9][0-9][0-9]",
        "(?:ab)+c"
      })
  void acceptsWhatPublishedTokenizersHave(String expression) throws SafeExpression.Refused {
    assertThat(SafeExpression.checkLinear(expression)).isLessThan(16);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(a+a+)+b",
        "(a|a)*b",
        "(a|aa)+$",
        "a*a*a*b",
        "a+a+b",
        "(?:a?){30}a",
        "(a*)*",
        "(.)\\1+",
        "(?=a*b)a",
        "\\d{1,3}(?=(?:\\d{3})*\\b)",
        "(?<x>a)",
        "(?(1)a)",
        "(?~a)",
        "(?x)a#",
        "(*FAIL)",
        "a**",
        "a{2,3}{2,3}",
        "a{1000}",
        "a{,",
        "(a",
        "a)",
        "[a",
        "a\\",
        "\\p{L",
        "\\Qa",
        ""
      })
  void refusesWhatCouldTakeMoreStepsThanTheTextHasCharacters(String expression) {
    assertThatThrownBy(() -> SafeExpression.checkLinear(expression))
        .isInstanceOf(SafeExpression.Refused.class);
  }

  @ParameterizedTest
  @ValueSource(ints = {100, 3000})
  void refusesDeepNestingWithoutRunningOutOfStack(int depth) {
    assertThatThrownBy(
            () -> SafeExpression.checkLinear("(".repeat(depth) + "a" + ")".repeat(depth)))
        .isInstanceOf(SafeExpression.Refused.class);
    assertThatThrownBy(
            () -> SafeExpression.checkLinear("[".repeat(depth) + "a" + "]".repeat(depth)))
        .isInstanceOf(SafeExpression.Refused.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        ".*layers\\.1\\..*\\.(q_proj|down_proj)",
        "(.*\\.)?(q|k|v)_proj",
        "(?!.*lm_head).*proj",
        "(?i)Q_PROJ",
        "model.layers.[0-3].*",
        "(.*)[qk]_proj",
        "(a+)+b",
        "(.)\\1"
      })
  void acceptsExpressionsForNamesWhoseWorkShowsInWhatTheyRead(String expression)
      throws SafeExpression.Refused {
    SafeExpression.checkReading(expression);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(|)(|)",
        "(a|)",
        "(a*|b*)",
        "(a*)*",
        "(){99999}",
        "(a?)+",
        "(?!)",
        "(?=a*)",
        "(.)?\\1*"
      })
  void refusesExpressionsForNamesThatBranchWithoutReading(String expression) {
    assertThatThrownBy(() -> SafeExpression.checkReading(expression))
        .isInstanceOf(SafeExpression.Refused.class);
  }
}
