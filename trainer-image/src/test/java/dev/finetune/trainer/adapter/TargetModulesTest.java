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
    TargetModules targets = TargetModules.resolve(List.of("all-linear"), LINEARS);
    assertThat(targets.modules()).isEqualTo(LINEARS);
    assertThat(targets.names()).containsExactly("down_proj", "q_proj");
  }

  @Test
  void aSuffixMatchesWholePartsOfNames() {
    TargetModules targets = TargetModules.resolve(List.of("self_attn.q_proj"), LINEARS);
    assertThat(targets.modules()).containsExactly(LINEARS.get(0), LINEARS.get(2));
    assertThat(targets.names()).containsExactly("self_attn.q_proj");
    assertThatThrownBy(() -> TargetModules.resolve(List.of("proj"), LINEARS))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessage(
            "spec.adapter.targetModules[0]: must match a linear layer of the model, 'proj' matches"
                + " none; it has down_proj, q_proj");
  }

  @Test
  void anExpressionMatchesTheWholeName() {
    String expression = ".*layers\\.1\\..*\\.(q_proj|down_proj)";
    TargetModules targets = TargetModules.resolve(List.of(expression), LINEARS);
    assertThat(targets.modules()).containsExactly(LINEARS.get(2), LINEARS.get(3));
    assertThat(targets.pattern()).isEqualTo(expression);
  }

  @Test
  void namesEveryModuleWherePeftHasNoWayToSayIt() {
    TargetModules targets =
        TargetModules.resolve(List.of("down_proj", ".*0\\.self_attn.*"), LINEARS);
    assertThat(targets.pattern()).isEmpty();
    assertThat(targets.names())
        .containsExactly(
            "model.layers.0.mlp.down_proj",
            "model.layers.0.self_attn.q_proj",
            "model.layers.1.mlp.down_proj");
  }

  @Test
  void refusesBrokenAndEndlessExpressions() {
    assertThatThrownBy(() -> TargetModules.resolve(List.of("q_proj", "(q"), LINEARS))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith("spec.adapter.targetModules[1]: must be a regular expression");
    List<String> hostile = List.of("a".repeat(60) + "!");
    assertThatThrownBy(() -> TargetModules.resolve(List.of("(a+)+\\1?b"), hostile))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageContaining("more than a second");
  }
}
