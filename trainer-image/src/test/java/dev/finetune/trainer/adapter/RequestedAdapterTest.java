package dev.finetune.trainer.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.finetune.api.spec.Adapter;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.goldens.GoldenModel;
import dev.finetune.trainer.lora.LoraTarget;
import dev.finetune.trainer.lora.ModelModules;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RequestedAdapterTest {
  private static final ModelModules MODULES = GoldenModel.modules("tiny-llama");

  @Test
  void givesEveryLinearLayerRank16WhenNothingIsSaid() throws IOException {
    AdapterSettings settings = settings("{}");
    List<LoraTarget> targets = settings.shape(MODULES).targets();
    assertThat(targets).hasSize(14);
    assertThat(targets).allMatch(target -> target.rank() == 16 && target.scaling() == 2);
  }

  @Test
  void theFirstKeyInSortedOrderDecidesOnRankAndAlpha() throws IOException {
    Map<String, LoraTarget> targets =
        targets(
            "{'rank': 8, 'alpha': 16,"
                + " 'rankPattern': {'q_proj': 4, 'layers.0.self_attn.q_proj': 2, 'layers.1.mlp.*': 1},"
                + " 'alphaPattern': {'(k|v)_proj': 3}}");
    assertThat(targets.get("model.layers.0.self_attn.q_proj").rank()).isEqualTo(2);
    assertThat(targets.get("model.layers.1.self_attn.q_proj").rank()).isEqualTo(4);
    assertThat(targets.get("model.layers.1.mlp.up_proj").rank()).isEqualTo(1);
    assertThat(targets.get("model.layers.1.mlp.up_proj").scaling()).isEqualTo(16);
    assertThat(targets.get("model.layers.0.self_attn.v_proj").scaling()).isEqualTo(3 / 8.0);
    assertThat(targets.get("model.layers.0.self_attn.o_proj").scaling()).isEqualTo(2);
  }

  @Test
  void aKeyMatchesWholePartsOfANameOnly() {
    assertThatThrownBy(() -> settings("{'rankPattern': {'proj': 4}}"))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessage(
            "spec.adapter.rankPattern[proj]: must match a layer that gets an update, matches none");
  }

  @Test
  void rankStabilizedUpdatesAreScaledByTheRootOfTheModulesRank() throws IOException {
    Map<String, LoraTarget> targets =
        targets("{'rank': 16, 'alpha': 8, 'variant': 'rsLoRA', 'rankPattern': {'q_proj': 4}}");
    assertThat(targets.get("model.layers.0.self_attn.q_proj").scaling()).isEqualTo(4);
    assertThat(targets.get("model.layers.0.self_attn.k_proj").scaling()).isEqualTo(2);
  }

  @Test
  void layersAndExclusionsLeaveOutWhatTargetsName() throws IOException {
    assertThat(
            targets(
                    "{'targetModules': ['q_proj', 'down_proj'], 'layersToTransform': [1],"
                        + " 'excludeModules': ['mlp.down_proj']}")
                .keySet())
        .containsExactly("model.layers.1.self_attn.q_proj");
    assertThat(targets("{'excludeModules': ['.*layers\\\\.0\\\\..*']}").keySet())
        .hasSize(7)
        .allMatch(name -> name.startsWith("model.layers.1."));
  }

  @Test
  void layersDoNotTouchWhatIsNamedInFull() throws IOException {
    assertThat(
            targets(
                    "{'targetModules': ['model.layers.0.self_attn.q_proj', 'v_proj'],"
                        + " 'layersToTransform': [1]}")
                .keySet())
        .containsExactly("model.layers.0.self_attn.q_proj", "model.layers.1.self_attn.v_proj");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '"',
      value = {
        "{'layersToTransform': [0, 2]}"
            + "| spec.adapter.layersToTransform[1]: must be a block of the model, 0 to 1, was 2",
        "{'layersToTransform': [0], 'targetModules': ['.*q_proj']}"
            + "| spec.adapter.layersToTransform: cannot be used with a regular expression",
        "{'excludeModules': ['q_proj', 'w_proj']}"
            + "| spec.adapter.excludeModules[1]: must match a layer of the model",
        "{'excludeModules': ['all-linear']}"
            + "| spec.adapter.excludeModules[0]: must leave a linear layer",
        "{'targetModules': ['q_proj'], 'excludeModules': ['self_attn.q_proj']}"
            + "| spec.adapter: targetModules, excludeModules, layersToTransform and modulesToSave",
        "{'alphaPattern': {'q_proj': 4, 'v_proj': 1}, 'targetModules': ['q_proj']}"
            + "| spec.adapter.alphaPattern[v_proj]: must match a layer that gets an update",
        "{'init': 'pissa', 'rank': 65}"
            + "| spec.adapter.init: pissa needs a rank of at most 64 for"
            + " model.layers.0.self_attn.q_proj of 64 x 64, was 65",
        "{'modulesToSave': ['norm', 'head']}"
            + "| spec.adapter.modulesToSave: embed_tokens and lm_head are one weight in this model",
        "{'targetModules': ['q_proj', 'lm_head']}"
            + "| spec.adapter.targetModules: embed_tokens and lm_head are one weight in this model",
        "{'modulesToSave': ['embed_tokens']}"
            + "| spec.adapter.modulesToSave: embed_tokens and lm_head are one weight in this model",
        "{'modulesToSave': ['norm', 'wte']}"
            + "| spec.adapter.modulesToSave[1]: must be the end of a module's name",
        "{'modulesToSave': ['o_proj']}"
            + "| spec.adapter.modulesToSave: 'o_proj' matches model.layers.0.self_attn.o_proj",
        "{'rankPattern': {'(q': 4}}"
            + "| spec.adapter.rankPattern[(q]: must be a regular expression",
      })
  void namesTheFieldThatIsWrong(String json, String message) {
    assertThatThrownBy(() -> settings(json).shape(MODULES))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith(message);
  }

  @Test
  void trainsWholeWhateverEndsAsAnEntryDoes() throws IOException {
    ModelModules untied = GoldenModel.modules("tiny-llama-untied");
    assertThat(
            new RequestedAdapter(adapter("{'modulesToSave': ['lm_head', 'embed_tokens']}"), untied)
                .settings(null)
                .shape(untied)
                .whole())
        .containsExactly(
            Map.entry("model.embed_tokens", List.of(512L, 64L)),
            Map.entry("lm_head", List.of(512L, 64L)));
    assertThat(settings("{'modulesToSave': ['norm']}").shape(MODULES).whole().keySet())
        .containsExactly(
            "model.layers.0.input_layernorm",
            "model.layers.0.post_attention_layernorm",
            "model.layers.1.input_layernorm",
            "model.layers.1.post_attention_layernorm",
            "model.norm");
  }

  @Test
  void embeddingAndOutputLayerGetUpdatesWhenNamed() throws IOException {
    ModelModules untied = GoldenModel.modules("tiny-llama-untied");
    Map<String, LoraTarget> targets = new TreeMap<>();
    new RequestedAdapter(adapter("{'targetModules': ['lm_head', 'embed_tokens']}"), untied)
        .settings(null)
        .shape(untied)
        .targets()
        .forEach(target -> targets.put(target.shape().name(), target));
    assertThat(targets.keySet()).containsExactly("lm_head", "model.embed_tokens");
    assertThat(targets.get("lm_head").embedding()).isFalse();
    assertThat(targets.get("model.embed_tokens").embedding()).isTrue();
    for (String refused : new String[] {"'init': 'pissa'", "'variant': 'DoRA'", "'dropout': 0.1"}) {
      RequestedAdapter requested =
          new RequestedAdapter(adapter("{'targetModules': ['lm_head'], " + refused + "}"), untied);
      assertThatThrownBy(() -> requested.settings(null).shape(untied))
          .isInstanceOf(InvalidConfiguration.class)
          .hasMessageContaining("lm_head");
    }
  }

  @Test
  void keepsTheShapeOfTheAdapterThatItStartsFrom() throws IOException {
    AdapterConfig initial =
        new AdapterConfig(
            "base",
            null,
            settings("{'rank': 4, 'variant': 'rsLoRA', 'rankPattern': {'q_proj': 2}}"));
    AdapterSettings settings =
        new RequestedAdapter(adapter("{'dropout': 0.1}"), MODULES).settings(initial);
    assertThat(settings.shape(MODULES)).isEqualTo(initial.settings().shape(MODULES));
    assertThat(settings.dropout()).isEqualTo(0.1);
    for (String other :
        new String[] {
          "{'rankPattern': {'q_proj': 3}}", "{'variant': 'DoRA'}", "{'layersToTransform': [1]}"
        }) {
      RequestedAdapter requested = new RequestedAdapter(adapter(other), MODULES);
      assertThatThrownBy(() -> requested.settings(initial))
          .isInstanceOf(InvalidConfiguration.class)
          .hasMessageContaining("must be that of spec.adapter.initFrom");
    }
  }

  private static AdapterSettings settings(String json) throws IOException {
    return new RequestedAdapter(adapter(json), MODULES).settings(null);
  }

  private static Map<String, LoraTarget> targets(String json) throws IOException {
    Map<String, LoraTarget> targets = new TreeMap<>();
    settings(json)
        .shape(MODULES)
        .targets()
        .forEach(target -> targets.put(target.shape().name(), target));
    return targets;
  }

  private static Adapter adapter(String json) throws IOException {
    return new ObjectMapper().readValue(json.replace('\'', '"'), Adapter.class);
  }
}
