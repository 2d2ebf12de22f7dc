package dev.finetune.trainer.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.failure.InvalidConfiguration;
import java.util.List;
import org.junit.jupiter.api.Test;

class TargetModulesTest {
  private static final List<String> LINEARS =
      List.of(
          "model.layers.0.self_attn.q_proj",
          "model.layers.0.mlp.down_proj",
          "model.layers.1.self_attn.q_proj",
          "model.layers.1.mlp.down_proj");

  @Test
  void allLinearIsWrittenAsTheSuffixesThatPeftFinds() {
    ModuleNames targets = resolve(List.of("all-linear"), LINEARS);
    assertThat(select(targets)).isEqualTo(LINEARS);
    assertThat(targets.names()).containsExactly("down_proj", "q_proj");
  }

  @Test
  void aSuffixMatchesWholePartsOfNames() {
    ModuleNames targets = resolve(List.of("self_attn.q_proj"), LINEARS);
    assertThat(select(targets)).containsExactly(LINEARS.get(0), LINEARS.get(2));
    assertThat(targets.names()).containsExactly("self_attn.q_proj");
    assertThatThrownBy(() -> resolve(List.of("proj"), LINEARS))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessage(
            "spec.adapter.targetModules[0]: must match a layer of the model, 'proj' matches"
                + " none; it has down_proj, q_proj");
  }

  @Test
  void anExpressionMatchesTheWholeName() {
    String expression = ".*layers\\.1\\..*\\.(q_proj|down_proj)";
    ModuleNames targets = resolve(List.of(expression), LINEARS);
    assertThat(select(targets)).containsExactly(LINEARS.get(2), LINEARS.get(3));
    assertThat(targets.pattern()).isEqualTo(expression);
  }

  @Test
  void furtherLayersAreMeantByEntriesOfTheirOwnOnly() {
    List<String> ends = List.of("model.embed_tokens", "lm_head");
    assertThat(TargetModules.resolve("f", List.of("all-linear", "lm_head"), LINEARS, ends).names())
        .containsExactly("down_proj", "lm_head", "q_proj");
    assertThat(TargetModules.resolve("f", List.of("embed_tokens"), LINEARS, ends).names())
        .containsExactly("embed_tokens");
  }

  @Test
  void namesEveryModuleWherePeftHasNoWayToSayIt() {
    ModuleNames targets = resolve(List.of("down_proj", ".*0\\.self_attn.*"), LINEARS);
    assertThat(targets.pattern()).isEmpty();
    assertThat(targets.names())
        .containsExactly(
            "model.layers.0.mlp.down_proj",
            "model.layers.0.self_attn.q_proj",
            "model.layers.1.mlp.down_proj");
  }

  @Test
  void refusesBrokenAndEndlessExpressions() {
    assertThatThrownBy(() -> resolve(List.of("q_proj", "(q"), LINEARS))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith("spec.adapter.targetModules[1]: must be a regular expression");
    List<String> hostile = List.of("a".repeat(60) + "!");
    assertThatThrownBy(() -> resolve(List.of("(a+)+\\1b"), hostile))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageContaining("too many steps");
  }

  private static ModuleNames resolve(List<String> entries, List<String> linears) {
    return TargetModules.resolve("spec.adapter.targetModules", entries, linears, List.of());
  }

  private static List<String> select(ModuleNames names) {
    return names.select("target_modules", LINEARS);
  }

  @Test
  void refusesAnExpressionThatCouldGoOnForEverWithoutReadingAName() {
    assertThatThrownBy(() -> resolve(List.of("(|)".repeat(100)), LINEARS))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageContaining("has an alternative that the empty text matches");
  }

  @Test
  void refusesAnExpressionThatSwallowsWhatFollowsIt() {
    for (String open : List.of("(?x)q_proj#", "\\Qq_proj")) {
      assertThatThrownBy(() -> NamePattern.suffix("rank_pattern", open))
          .isInstanceOf(InvalidConfiguration.class)
          .hasMessageStartingWith("rank_pattern: must be a regular expression");
    }
  }
}
