package dev.finetune.trainer.merge;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.basemodel.RopeScaling;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.json.JsonFile;
import dev.finetune.trainer.tokenizer.Tokenizer;
import dev.finetune.trainer.weights.ElementType;
import dev.finetune.trainer.weights.GgufMetadata;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/** The small files of a model in the Hugging Face layout: configuration and tokenizer. */
final class ModelFiles {
  private static final JsonMapper MAPPER = JsonMapper.builder().build();
  private static final String CONFIG = "config.json";
  private static final String CHAT_TEMPLATE = "chat_template.jinja";
  private static final long MOST_BYTES = 128L << 20;

  private static final List<String> COPIED =
      List.of(
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.json",
          "merges.txt",
          "tokenizer.model",
          "chat_template.json",
          CHAT_TEMPLATE,
          "generation_config.json");

  private static final Map<ElementType, String> TYPES =
      Map.of(ElementType.F32, "float32", ElementType.BF16, "bfloat16", ElementType.F16, "float16");

  private ModelFiles() {}

  /**
   * Copies what a base model in a folder has, and the chat template that lies beside the adapter
   * instead of the base model's. {@code config.json} comes last: without it a folder is no model.
   *
   * @param type type of the weights, as the configuration will say
   */
  static void copy(Path base, Path adapter, Path target, ElementType type) {
    for (String name : COPIED) {
      if (Files.exists(base.resolve(name))) {
        write(target.resolve(name), JsonFile.bytes(base.resolve(name), MOST_BYTES));
      }
    }
    copyTemplate(adapter, target);
    JsonNode config = JsonFile.read(base.resolve(CONFIG), JsonFile.SETTINGS_BYTES);
    if (!(config instanceof ObjectNode fields)) {
      throw new UnreadableData(base.resolve(CONFIG) + ": expected a JSON object");
    }
    String key = fields.has("dtype") ? "dtype" : "torch_dtype";
    fields.put(key, TYPES.get(type));
    fields.remove("quantization_config");
    write(target.resolve(CONFIG), json(fields));
  }

  /**
   * Writes what a folder needs where the base model is one GGUF file.
   *
   * @throws UnsupportedModel if the configuration has no place for something of the file
   */
  static void write(
      ModelConfig config,
      Tokenizer tokenizer,
      GgufMetadata metadata,
      Path adapter,
      Path target,
      ElementType type) {
    ObjectNode model = config(metadata.source(), config, type);
    model.put("eos_token_id", tokenizer.eosId());
    tokenizer.bosId().ifPresent(id -> model.put("bos_token_id", id));
    tokenizer.padId().ifPresent(id -> model.put("pad_token_id", id));
    List<String> tokens = metadata.requireTexts("tokenizer.ggml.tokens");
    ObjectNode settings = MAPPER.createObjectNode();
    settings.put("tokenizer_class", "PreTrainedTokenizerFast");
    settings.put("add_bos_token", tokenizer.addsBos());
    settings.put("eos_token", tokens.get(tokenizer.eosId()));
    tokenizer.bosId().ifPresent(id -> settings.put("bos_token", tokens.get(id)));
    tokenizer.padId().ifPresent(id -> settings.put("pad_token", tokens.get(id)));
    settings.put("model_max_length", config.maxPositions());
    write(target.resolve("tokenizer.json"), utf8(tokenizer.json()));
    write(target.resolve("tokenizer_config.json"), json(settings));
    String template = metadata.text("tokenizer.chat_template");
    if (template != null) {
      write(target.resolve(CHAT_TEMPLATE), utf8(template));
    }
    copyTemplate(adapter, target);
    write(target.resolve(CONFIG), json(model));
  }

  private static void copyTemplate(Path adapter, Path target) {
    Path trained = adapter.resolve(CHAT_TEMPLATE);
    if (Files.exists(trained)) {
      write(target.resolve(CHAT_TEMPLATE), JsonFile.bytes(trained, JsonFile.SETTINGS_BYTES));
    }
  }

  private static ObjectNode config(String source, ModelConfig config, ElementType type) {
    if (!config.architecture().equals("llama")) {
      throw new UnsupportedModel(
          "%s: a config.json of architecture '%s' cannot be written, use the model's safetensors folder"
              .formatted(source, config.architecture()));
    }
    ObjectNode json = MAPPER.createObjectNode();
    json.set("architectures", MAPPER.createArrayNode().add("LlamaForCausalLM"));
    json.put("model_type", "llama");
    json.put("vocab_size", config.vocabularySize());
    json.put("hidden_size", config.hiddenSize());
    json.put("intermediate_size", config.intermediateSize());
    json.put("num_hidden_layers", config.layers());
    json.put("num_attention_heads", config.attentionHeads());
    json.put("num_key_value_heads", config.keyValueHeads());
    json.put("head_dim", config.headSize());
    json.put("hidden_act", "silu");
    json.put("rms_norm_eps", shortest(config.rmsNormEpsilon()));
    json.put("rope_theta", shortest(config.ropeTheta()));
    json.put("max_position_embeddings", config.maxPositions());
    json.put("tie_word_embeddings", config.tiedEmbeddings());
    json.put("attention_bias", false);
    json.put("mlp_bias", false);
    json.put("torch_dtype", TYPES.get(type));
    switch (config.ropeScaling()) {
      case RopeScaling.None() -> {
        // Absent is none.
      }
      case RopeScaling.Linear(double factor) ->
          json.putObject("rope_scaling").put("rope_type", "linear").put("factor", factor);
      case RopeScaling.Llama3 llama3 -> put(json, llama3);
      case RopeScaling.Dynamic _, RopeScaling.Yarn _, RopeScaling.LongRope _ ->
          throw new UnsupportedModel(
              source + ": rotations scaled so cannot be written from GGUF, use safetensors");
      case RopeScaling.Divisors divisors ->
          put(json, Llama3Divisors.recognize(source, config, divisors));
    }
    return json;
  }

  private static void put(ObjectNode json, RopeScaling.Llama3 llama3) {
    json.putObject("rope_scaling")
        .put("rope_type", "llama3")
        .put("factor", llama3.factor())
        .put("low_freq_factor", llama3.lowFrequencyFactor())
        .put("high_freq_factor", llama3.highFrequencyFactor())
        .put("original_max_position_embeddings", llama3.originalMaxPositions());
  }

  /** GGUF keeps these in 32 bits: 1e-5 would come out as 9.999999747378752E-6. */
  private static double shortest(double value) {
    return Double.parseDouble(Float.toString((float) value));
  }

  /** Returns indented JSON; used for {@code config.json} and its like. */
  private static byte[] json(ObjectNode node) {
    try {
      return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsBytes(node);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("a JSON object was not written", e);
    }
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static void write(Path file, byte[] bytes) {
    try {
      Files.write(file, bytes);
    } catch (IOException e) {
      throw new StorageUnreachable(file + ": could not be written: " + e.getMessage(), e);
    }
  }
}
