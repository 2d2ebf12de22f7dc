package dev.finetune.trainer.adapter;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.goldens.Goldens;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class AdapterConfigTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"llama-full7", "llama-qv"})
  void writesWhatPeftWritesWithTargetsSorted(String name) throws IOException {
    ObjectNode golden = (ObjectNode) Goldens.json("lora/" + name + "/final/adapter_config.json");
    ArrayNode targets = (ArrayNode) golden.get("target_modules");
    List<String> sorted = targets.valueStream().map(target -> target.asText()).sorted().toList();
    targets.removeAll();
    sorted.forEach(targets::add);
    AdapterConfig config = new AdapterConfig("tiny-llama", null, 8, 16, 0.0, "", sorted);
    assertThat(new ObjectMapper().readTree(config.toJson())).isEqualTo(golden);
    assertThat(config.toJson())
        .startsWith("{\n  \"alora_invocation_tokens\": null,\n  \"alpha_pattern\": {},\n");
  }

  @Test
  void readsBackWhatItWrites() throws IOException {
    AdapterConfig config =
        new AdapterConfig("base", "main", 4, 9, 0.05, "", List.of("k_proj", "q_proj"));
    Path file = Files.writeString(folder.resolve("adapter_config.json"), config.toJson());
    assertThat(AdapterConfig.read(file)).isEqualTo(config);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"peft_type\": \"LORA\", \"use_dora\": true}",
        "{\"peft_type\": \"LORA\", \"modules_to_save\": [\"lm_head\"]}",
        "{\"peft_type\": \"LORA\", \"bias\": \"lora_only\"}",
        "{\"peft_type\": \"LORA\", \"task_type\": \"SEQ_CLS\"}",
        "{\"peft_type\": \"LORA\", \"init_lora_weights\": \"pissa\"}",
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
