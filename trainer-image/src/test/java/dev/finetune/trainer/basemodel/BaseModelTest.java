package dev.finetune.trainer.basemodel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.trainer.failure.TrainingFailure;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.weights.SafetensorsReader;
import dev.finetune.trainer.weights.SafetensorsWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import org.assertj.core.api.ThrowableAssertAlternative;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BaseModelTest {
  private static final ObjectMapper MAPPER = new ObjectMapper();

  @TempDir private Path folder;

  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama", "tiny-llama-untied", "tiny-llama3rope"})
  void opensAFolder(String name) {
    try (BaseModel model = BaseModel.open(Goldens.path("models/" + name))) {
      assertThat(model.name()).isEqualTo(name);
      assertThat(model.tokenizer().vocabularySize()).isEqualTo(512);
      assertThat(model.weights().names()).contains("model.norm.weight");
      ModelConfig config = model.config();
      assertThat(config.tiedEmbeddings()).isEqualTo(!name.equals("tiny-llama-untied"));
      assertThat(config.rmsNormEpsilon()).isEqualTo(name.endsWith("untied") ? 1e-6 : 1e-5);
      assertThat(config.headSize()).isEqualTo(16);
      assertThat(config.keyValueHeads()).isEqualTo(2);
      assertThat(config.maxPositions()).isEqualTo(256);
      assertThat(config.ropeScaling())
          .isEqualTo(
              name.equals("tiny-llama3rope")
                  ? new RopeScaling.Llama3(8, 1, 4, 64)
                  : new RopeScaling.None());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"F16", "Q4_1", "Q8_0"})
  void opensGgufAsTheFolderThatItWasMadeOf(String kind) {
    try (BaseModel gguf = BaseModel.open(Goldens.path("gguf/tiny-" + kind + ".gguf"));
        BaseModel folder = BaseModel.open(Goldens.path("models/tiny-llama"))) {
      assertThat(gguf.name()).isEqualTo("tiny-" + kind);
      ModelConfig expected = folder.config();
      assertThat(gguf.config())
          .usingRecursiveComparison()
          .ignoringFields("rmsNormEpsilon")
          .isEqualTo(expected);
      assertThat(gguf.config().rmsNormEpsilon()).isEqualTo((double) 1e-5f);
    }
  }

  @Test
  void readsTheConfigurationOfSmolLm2ThoughItsTensorsAreNotThere() {
    refusedAt(Goldens.path("gguf/smollm2-tokenizer.gguf"), UnreadableData.class)
        .withMessageEndingWith("tensor 'token_embd.weight' is missing");
  }

  @Test
  void readsRopeParametersOfVersionFiveAndDefaults() throws IOException {
    copyTiny();
    ModelConfig before = HuggingFaceConfig.read(folder.resolve("config.json"));
    config(
        json -> {
          for (String field :
              new String[] {
                "rope_theta",
                "rope_scaling",
                "head_dim",
                "num_key_value_heads",
                "rms_norm_eps",
                "tie_word_embeddings",
                "max_position_embeddings"
              }) {
            json.remove(field);
          }
          json.set(
              "rope_parameters",
              parse("{\"rope_theta\":5000,\"rope_type\":\"linear\",\"factor\":2}"));
        });
    ModelConfig config = HuggingFaceConfig.read(folder.resolve("config.json"));
    assertThat(before.ropeTheta()).isEqualTo(10000);
    assertThat(config.ropeTheta()).isEqualTo(5000);
    assertThat(config.ropeScaling()).isEqualTo(new RopeScaling.Linear(2));
    assertThat(config.headSize()).isEqualTo(16);
    assertThat(config.keyValueHeads()).isEqualTo(4);
    assertThat(config.rmsNormEpsilon()).isEqualTo(1e-6);
    assertThat(config.tiedEmbeddings()).isFalse();
    assertThat(config.maxPositions()).isEqualTo(2048);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "architectures | [\"MistralForCausalLM\"] | architecture 'MistralForCausalLM' is not supported for model_type llama, use LlamaForCausalLM",
        "architectures | [\"LlamaForSequenceClassification\"] | architecture 'LlamaForSequenceClassification' is not supported",
        "model_type | \"mixtral\" | model_type 'mixtral' is not supported, use one of llama, mistral, qwen2, qwen3, gemma, gemma2, gemma3_text, phi3, smollm3, gpt2",
        "model_type | \"gemma\" | architecture 'LlamaForCausalLM' is not supported for model_type gemma, use GemmaForCausalLM",
        "hidden_act | \"gelu\" | hidden_act gelu is not supported",
        "sliding_window | 4096 | sliding_window the integer 4096 is not supported",
        "quantization_config | {} | quantization_config: expected load_in_4bit, use bitsandbytes in 4 bits",
        "partial_rotary_factor | 0.5 | partial_rotary_factor 0.5 is not supported",
        "rope_scaling | {\"type\":\"other\",\"factor\":2} | rope_scaling: rope_type 'other' is not supported, use default, linear, dynamic, yarn, longrope or llama3",
      })
  void refusesByNameWhatIsNotSupported(String field, String value, String message)
      throws IOException {
    copyTiny();
    Files.delete(folder.resolve("model.safetensors"));
    config(json -> json.set(field, parse(value)));
    refused(UnsupportedModel.class).withMessageContaining("config.json: " + message);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "vocab_size | null | field 'vocab_size' is missing",
        "hidden_size | \"64\" | field 'hidden_size' must be a 32-bit integer, was a string",
        "hidden_size | 99999999999 | field 'hidden_size' must be a 32-bit integer, was the integer 99999999999",
        "num_key_value_heads | 3 | keyValueHeads must divide attentionHeads 4, was 3",
        "num_attention_heads | 0 | attentionHeads must be 1 to 1024, was 0",
        "head_dim | 15 | headSize must be even, was 15",
        "num_hidden_layers | 1000000 | layers must be 1 to 1024, was 1000000",
        "rms_norm_eps | 0 | rmsNormEpsilon must be above 0 and at most 1, was 0.0",
        "rope_theta | -1 | ropeTheta must be 1 to 1e12, was -1.0",
        "rope_scaling | {\"type\":\"linear\"} | rope_scaling: field 'factor' is missing",
        "rope_scaling | {\"type\":\"linear\",\"factor\":0} | factor must be above 0 and at most 1e9, was 0.0",
        "rope_scaling | 7 | rope_scaling: expected a JSON object, found the integer 7",
        "tie_word_embeddings | 1 | field 'tie_word_embeddings' must be true or false",
        "tie_word_embeddings | false | tensor 'lm_head.weight' is missing, expected shape [512, 64]",
        "num_hidden_layers | 3 | tensor 'model.layers.2.input_layernorm.weight' is missing, expected shape [64]",
        "intermediate_size | 128 | tensor 'model.layers.0.mlp.gate_proj.weight': expected shape [128, 64], found [192, 64]",
      })
  void refusesWhatContradictsItself(String field, String value, String message) throws IOException {
    copyTiny();
    config(json -> json.set(field, parse(value)));
    refused(UnreadableData.class).withMessageContaining(message);
  }

  @Test
  void refusesTensorsThatItHasNoPlaceFor() throws IOException {
    copyTiny();
    rewrite(
        w ->
            w.add(
                "model.layers.0.self_attn.q_proj.bias", new long[] {64}, FloatBuffer.allocate(64)));
    refused(UnsupportedModel.class)
        .withMessageEndingWith(
            "tensor 'model.layers.0.self_attn.q_proj.bias' is not part of a llama decoder that is supported");
  }

  @Test
  void ignoresWhatOldCheckpointsKeep() throws IOException {
    copyTiny();
    rewrite(
        w ->
            w.add(
                "model.layers.0.self_attn.rotary_emb.inv_freq",
                new long[] {8},
                FloatBuffer.allocate(8)));
    BaseModel.open(folder).close();
  }

  @Test
  void refusesATensorTypeBeforeAnyWeightIsRead() throws IOException {
    copyTiny();
    rewriteWithout(
        "model.norm.weight",
        w -> w.add("model.norm.weight", new long[] {64}, ByteBuffer.allocate(64)));
    refused(UnsupportedModel.class)
        .withMessageEndingWith(
            "tensor 'model.norm.weight': type U8 is not supported, use F32, F16 or BF16");
  }

  @Test
  void refusesATokenizerThatIsLargerThanTheEmbedding() throws IOException {
    copyTiny();
    Path tokenizer = folder.resolve("tokenizer.json");
    ObjectNode json = (ObjectNode) MAPPER.readTree(tokenizer.toFile());
    json.withArray("added_tokens")
        .add(
            parse(
                "{\"id\":512,\"content\":\"<x>\",\"special\":true,\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false}"));
    MAPPER.writeValue(tokenizer.toFile(), json);
    refused(UnreadableData.class)
        .withMessage(folder + ": the tokenizer has 513 tokens, the model's embedding only 512");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "token_embd.weight | rope_freqs.weight | tensor 'token_embd.weight' is missing",
        "blk.0.attn_q.weight | blk.0.attn_q.rotten | tensor 'model.layers.0.self_attn.q_proj.weight' is missing, expected shape [64, 64]",
        "`llama.rope.dimension_count\u0004\0\0\0\u0010` | `llama.rope.dimension_count\u0004\0\0\0\u0008` | llama.rope.dimension_count 8 is not supported where the head size is 16",
        "`\u0005\0\0\0\0\0\0\0gpt-2` | `\u0005\0\0\0\0\0\0\0chatg` | pre-tokenizer 'chatg' is not supported, use gpt-2, smollm, llama-bpe or qwen2",
        "`\u0004\0\0\0\0\0\0\0gpt2` | `\u0004\0\0\0\0\0\0\0bert` | tokenizer model 'bert' is not supported, use gpt2 (byte-level BPE)",
      })
  void refusesInGgufByName(String before, String after, String message) throws IOException {
    // Of one length, so that nothing else in the file moves.
    assertThat(after).hasSameSizeAs(before);
    byte[] bytes = Files.readAllBytes(Goldens.path("gguf/tiny-F16.gguf"));
    String text = new String(bytes, StandardCharsets.ISO_8859_1);
    assertThat(text).contains(before);
    Path file = folder.resolve("a.gguf");
    Files.write(file, text.replace(before, after).getBytes(StandardCharsets.ISO_8859_1));
    refusedAt(file, TrainingFailure.class).withMessage(file + ": " + message);
  }

  @Test
  void namesWhatIsMissing() {
    refusedAt(folder, UnreadableData.class).withMessageEndingWith("config.json: file not found");
    refusedAt(folder.resolve("gone"), UnreadableData.class)
        .withMessageEndingWith(
            "gone: expected a folder with a config.json or a .gguf file, found nothing");
  }

  private ThrowableAssertAlternative<? extends TrainingFailure> refused(
      Class<? extends TrainingFailure> type) {
    return refusedAt(folder, type);
  }

  private static ThrowableAssertAlternative<? extends TrainingFailure> refusedAt(
      Path path, Class<? extends TrainingFailure> type) {
    return assertThatExceptionOfType(type).isThrownBy(() -> BaseModel.open(path).close());
  }

  private void copyTiny() throws IOException {
    Path tiny = Goldens.path("models/tiny-llama");
    for (String name :
        new String[] {
          "config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"
        }) {
      Files.copy(tiny.resolve(name), folder.resolve(name));
    }
  }

  private void config(Consumer<ObjectNode> change) throws IOException {
    Path file = folder.resolve("config.json");
    ObjectNode json = (ObjectNode) MAPPER.readTree(file.toFile());
    change.accept(json);
    MAPPER.writeValue(file.toFile(), json);
  }

  private void rewrite(Consumer<SafetensorsWriter> change) {
    rewriteWithout("", change);
  }

  private void rewriteWithout(String omitted, Consumer<SafetensorsWriter> change) {
    SafetensorsWriter writer = new SafetensorsWriter();
    try (SafetensorsReader reader =
        SafetensorsReader.openModel(Goldens.path("models/tiny-llama"))) {
      for (String name : reader.names()) {
        if (!name.equals(omitted)) {
          writer.add(name, reader.shape(name), FloatBuffer.wrap(reader.readFloats(name)));
        }
      }
    }
    change.accept(writer);
    writer.write(folder.resolve("model.safetensors"));
  }

  private static JsonNode parse(String json) {
    try {
      return MAPPER.readTree(json);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
