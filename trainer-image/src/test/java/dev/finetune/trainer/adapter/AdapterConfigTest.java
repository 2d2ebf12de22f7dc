package dev.finetune.trainer.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.api.spec.AdapterInit;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.goldens.Goldens;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AdapterConfigTest {
  @TempDir private Path folder;

  /** PEFT keeps some lists as sets, so that their order in its files is any; ours is sorted. */
  @ParameterizedTest
  @ValueSource(
      strings = {
        "llama-full7",
        "llama-qv",
        "llama-rslora",
        "llama-dora",
        "llama-pattern",
        "llama-pissa",
        "llama-layer1-regex",
        "llama-untied-embed-head",
        "llama-untied-save-modules"
      })
  void readsAndWritesWhatPeftWritesWithListsSorted(String name) throws IOException {
    String place = "lora/" + name + "/final/adapter_config.json";
    ObjectNode golden = (ObjectNode) Goldens.json(place);
    for (JsonNode list : golden) {
      if (list instanceof ArrayNode array) {
        List<JsonNode> sorted =
            array.valueStream().sorted(Comparator.comparing(JsonNode::asText)).toList();
        array.removeAll().addAll(sorted);
      }
    }
    AdapterConfig config = AdapterConfig.read(Goldens.path(place));
    assertThat(new ObjectMapper().readTree(config.toJson())).isEqualTo(golden);
    assertThat(config.toJson()).startsWith("{\n  \"alora_invocation_tokens\": null,\n");
    Path file = Files.writeString(folder.resolve("adapter_config.json"), config.toJson());
    assertThat(AdapterConfig.read(file)).isEqualTo(config);
  }

  @Test
  void writesEverySettingUnderPeftsKey() throws IOException {
    AdapterConfig config =
        new AdapterConfig(
            "base",
            "main",
            new AdapterSettings(
                4,
                9,
                0.05,
                new AdapterSettings.Update(true, false),
                AdapterInit.GAUSSIAN,
                new ModuleChoice(
                    new ModuleNames("", List.of("q_proj", "k_proj")),
                    new ModuleNames(".*layers\\.1\\..*", List.of()),
                    List.of(3, 0),
                    List.of("norm")),
                new ModulePatterns(Map.of("q_proj", 2), Map.of("layers.0.*", 5))));
    JsonNode json = new ObjectMapper().readTree(config.toJson());
    assertThat(json.path("init_lora_weights").asText()).isEqualTo("gaussian");
    assertThat(json.path("layers_to_transform").toString()).isEqualTo("[0,3]");
    assertThat(json.path("exclude_modules").asText()).isEqualTo(".*layers\\.1\\..*");
    assertThat(json.path("modules_to_save").toString()).isEqualTo("[\"norm\"]");
    assertThat(json.path("rank_pattern").toString()).isEqualTo("{\"q_proj\":2}");
    assertThat(json.path("alpha_pattern").toString()).isEqualTo("{\"layers.0.*\":5}");
    assertThat(json.path("use_rslora").asBoolean()).isTrue();
    Path file = Files.writeString(folder.resolve("adapter_config.json"), config.toJson());
    assertThat(AdapterConfig.read(file)).isEqualTo(config);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"peft_type\": \"LORA\", \"use_qalora\": true}",
        "{\"peft_type\": \"LORA\", \"layers_pattern\": [\"h\"]}",
        "{\"peft_type\": \"LORA\", \"trainable_token_indices\": [1]}",
        "{\"peft_type\": \"LORA\", \"bias\": \"lora_only\"}",
        "{\"peft_type\": \"LORA\", \"task_type\": \"SEQ_2_SEQ_LM\"}",
        "{\"peft_type\": \"LORA\", \"r\": 1, \"lora_alpha\": 1, \"init_lora_weights\": \"olora\"}",
        "{\"peft_type\": \"IA3\"}"
      })
  void refusesOtherKindsOfAdapters(String json) throws IOException {
    Path file = Files.writeString(folder.resolve("adapter_config.json"), json);
    assertThatThrownBy(() -> AdapterConfig.read(file)).isInstanceOf(UnsupportedModel.class);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "[]",
        "{\"peft_type\": \"LORA\", \"r\": 0, \"lora_alpha\": 1, \"target_modules\": []}",
        "{\"peft_type\": \"LORA\", \"r\": 1, \"lora_alpha\": 1}"
      })
  void refusesBrokenFiles(String json) throws IOException {
    Path file = Files.writeString(folder.resolve("adapter_config.json"), json);
    assertThatThrownBy(() -> AdapterConfig.read(file))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining(file.toString());
  }
}
