package dev.finetune.trainer.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.weights.GgufReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.IntStream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizerTest {
  private static final Path TINY = Goldens.path("models/tiny-llama");

  @TempDir private Path folder;

  @Test
  void encodesAndDecodesAsTheReferenceDoes() {
    try (Tokenizer tokenizer = Tokenizer.fromFolder(TINY, SpecialTokensInText.RECOGNIZED)) {
      requireGoldens(tokenizer, "tokenizer/tiny.json");
      assertThat(tokenizer.bosId()).hasValue(0);
      assertThat(tokenizer.eosId()).isEqualTo(2);
      assertThat(tokenizer.padId()).hasValue(3);
      assertThat(tokenizer.addsBos()).isFalse();
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"gguf/tiny-F16.gguf", "gguf/tiny-Q4_1.gguf"})
  void isRebuiltFromGgufMetadata(String file) {
    try (GgufReader reader = GgufReader.open(Goldens.path(file));
        Tokenizer tokenizer =
            Tokenizer.fromGguf(reader.metadata(), SpecialTokensInText.RECOGNIZED)) {
      requireGoldens(tokenizer, "tokenizer/tiny.json");
      assertThat(tokenizer.bosId()).hasValue(0);
      assertThat(tokenizer.eosId()).isEqualTo(2);
      assertThat(tokenizer.padId()).hasValue(3);
      assertThat(tokenizer.addsBos()).isFalse();
    }
  }

  @Test
  void rebuildsSmolLm2FromGgufMetadata() {
    try (GgufReader reader = GgufReader.open(Goldens.path("gguf/smollm2-tokenizer.gguf"));
        Tokenizer tokenizer =
            Tokenizer.fromGguf(reader.metadata(), SpecialTokensInText.RECOGNIZED)) {
      requireGoldens(tokenizer, "tokenizer/smollm2.json");
      assertThat(tokenizer.bosId()).hasValue(1);
      assertThat(tokenizer.eosId()).isEqualTo(2);
      assertThat(tokenizer.padId()).hasValue(2);
      assertThat(tokenizer.addsBos()).isFalse();
    }
  }

  @Test
  void treatsSpecialTokensAsTextWhereTold() {
    try (Tokenizer tokenizer = Tokenizer.fromFolder(TINY, SpecialTokensInText.PLAIN)) {
      int[] ids = tokenizer.encode("a<|im_end|>b");
      assertThat(ids).doesNotContain(tokenizer.eosId());
      assertThat(tokenizer.decode(ids, true)).isEqualTo("a<|im_end|>b");
      assertThat(tokenizer.decode(new int[] {68, 2, 69}, true)).isEqualTo("ab");
    }
  }

  @Test
  void survivesHalfASurrogatePair() {
    try (Tokenizer tokenizer = Tokenizer.fromFolder(TINY, SpecialTokensInText.RECOGNIZED)) {
      EncodedText encoded = tokenizer.encodeWithOffsets("a\ud83db");
      assertThat(encoded.ids()).isEqualTo(tokenizer.encode("a\ufffdb"));
      assertThat(encoded.ends()[encoded.ends().length - 1]).isEqualTo(3);
    }
  }

  @Test
  void addsBosWhereTheConfigurationOrThePostProcessorSaysSo() throws IOException {
    copyTiny();
    change("tokenizer_config.json", json -> json.put("add_bos_token", true));
    try (Tokenizer tokenizer = Tokenizer.fromFolder(folder, SpecialTokensInText.RECOGNIZED)) {
      assertThat(tokenizer.addsBos()).isTrue();
      assertThat(tokenizer.encode("a")).containsExactly(68);
    }
    change("tokenizer_config.json", json -> json.remove("add_bos_token"));
    change(
        "tokenizer.json",
        json ->
            json.set(
                "post_processor",
                parse(
                    """
                    {"type":"TemplateProcessing",
                     "single":[{"SpecialToken":{"id":"<|endoftext|>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],
                     "pair":[{"Sequence":{"id":"A","type_id":0}},{"Sequence":{"id":"B","type_id":0}}],
                     "special_tokens":{"<|endoftext|>":{"id":"<|endoftext|>","ids":[0],"tokens":["<|endoftext|>"]}}}
                    """)));
    try (Tokenizer tokenizer = Tokenizer.fromFolder(folder, SpecialTokensInText.RECOGNIZED)) {
      assertThat(tokenizer.addsBos()).isTrue();
      assertThat(tokenizer.encode("a")).containsExactly(68);
    }
  }

  @Test
  void findsEosInTheModelsConfiguration() throws IOException {
    copyTiny();
    Files.delete(folder.resolve("tokenizer_config.json"));
    Files.delete(folder.resolve("special_tokens_map.json"));
    Files.writeString(folder.resolve("config.json"), "{\"eos_token_id\":[2,3]}");
    try (Tokenizer tokenizer = Tokenizer.fromFolder(folder, SpecialTokensInText.RECOGNIZED)) {
      assertThat(tokenizer.eosId()).isEqualTo(2);
      assertThat(tokenizer.bosId()).isEmpty();
    }
    Files.writeString(folder.resolve("config.json"), "{\"eos_token_id\":512}");
    refused("eos_token_id: expected an id of tokenizer.json, found the integer 512");
    Files.delete(folder.resolve("config.json"));
    refused("expected eos_token in tokenizer_config.json or special_tokens_map.json");
  }

  @Test
  void refusesBrokenFilesByName() throws IOException {
    copyTiny();
    change("tokenizer_config.json", json -> json.put("eos_token", "<|nowhere|>"));
    refused("eos_token: expected a token of tokenizer.json, found '<|nowhere|>'");
    Files.writeString(folder.resolve("tokenizer.json"), "{\"model\":{\"vocab\":{\"a\":-1}}}");
    refused("token ids must be 0 to 4194304, was -1");
    Files.writeString(folder.resolve("tokenizer.json"), "{\"model\":{\"vocab\":{\"a\":0}}}");
    change("tokenizer_config.json", json -> json.removeAll().put("eos_token", "a"));
    Files.delete(folder.resolve("special_tokens_map.json"));
    refused("not a tokenizer");
    Files.writeString(folder.resolve("tokenizer.json"), "{\n \"model\": nope}");
    refused("tokenizer.json: line 2, column 11: broken JSON");
    Files.delete(folder.resolve("tokenizer.json"));
    refused("tokenizer.json: file not found");
  }

  @Test
  void refusesIdsOutOfTheVocabularyWhenDecoding() {
    try (Tokenizer tokenizer = Tokenizer.fromFolder(TINY, SpecialTokensInText.RECOGNIZED)) {
      assertThatThrownBy(() -> tokenizer.decode(new int[] {512}, false))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("token ids must be 0 to 511, was 512");
    }
  }

  private static void requireGoldens(Tokenizer tokenizer, String name) {
    JsonNode golden = Goldens.json(name);
    assertThat(tokenizer.vocabularySize()).isEqualTo(golden.path("vocab_size").asInt());
    assertThat(golden.path("cases")).hasSizeGreaterThan(200);
    for (JsonNode one : golden.path("cases")) {
      String text = one.path("text").asText();
      EncodedText encoded = tokenizer.encodeWithOffsets(text);
      assertThat(encoded.ids()).as(text).isEqualTo(ints(one.path("ids")));
      assertThat(tokenizer.encode(text)).as(text).isEqualTo(encoded.ids());
      for (int i = 0; i < encoded.ids().length; i++) {
        JsonNode offsets = one.path("offsets").path(i);
        assertThat(encoded.starts()[i])
            .as("start %d of %s", i, text)
            .isEqualTo(text.offsetByCodePoints(0, offsets.get(0).asInt()));
        assertThat(encoded.ends()[i])
            .as("end %d of %s", i, text)
            .isEqualTo(text.offsetByCodePoints(0, offsets.get(1).asInt()));
      }
      assertThat(tokenizer.decode(encoded.ids(), false)).isEqualTo(one.path("decoded").asText());
      assertThat(tokenizer.decode(encoded.ids(), true))
          .isEqualTo(one.path("decoded_skip_special").asText());
    }
    for (JsonNode chat : golden.path("chats")) {
      assertThat(tokenizer.encode(chat.path("text").asText())).isEqualTo(ints(chat.path("ids")));
    }
  }

  private static int[] ints(JsonNode list) {
    return StreamSupport.stream(list.spliterator(), false)
        .flatMapToInt(value -> IntStream.of(value.asInt()))
        .toArray();
  }

  private void refused(String message) {
    assertThatThrownBy(() -> Tokenizer.fromFolder(folder, SpecialTokensInText.RECOGNIZED))
        .isInstanceOf(UnreadableData.class)
        .hasMessageStartingWith(folder.toString())
        .hasMessageContaining(message);
  }

  private void copyTiny() throws IOException {
    for (String name :
        new String[] {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}) {
      Files.copy(TINY.resolve(name), folder.resolve(name));
    }
  }

  private void change(String name, java.util.function.Consumer<ObjectNode> change)
      throws IOException {
    ObjectMapper mapper = new ObjectMapper();
    ObjectNode json = (ObjectNode) mapper.readTree(folder.resolve(name).toFile());
    change.accept(json);
    mapper.writeValue(folder.resolve(name).toFile(), json);
  }

  private static JsonNode parse(String json) {
    try {
      return new ObjectMapper().readTree(json);
    } catch (IOException e) {
      throw new java.io.UncheckedIOException(e);
    }
  }
}
