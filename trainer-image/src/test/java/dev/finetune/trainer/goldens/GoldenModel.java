package dev.finetune.trainer.goldens;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.basemodel.DecoderTensors;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.basemodel.RopeScaling;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.lora.ModelModules;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.ModelLoader;
import dev.finetune.trainer.model.WeightChange;
import org.jspecify.annotations.Nullable;

/** A tiny model of the goldens. */
public final class GoldenModel {
  private GoldenModel() {}

  /** Loads it. */
  public static DecoderModel load(
      Kernels kernels, String name, @Nullable Quantization quantization) {
    return load(kernels, name, quantization, null);
  }

  /** Loads it with its linear layers changed. */
  public static DecoderModel load(
      Kernels kernels,
      String name,
      @Nullable Quantization quantization,
      @Nullable WeightChange change) {
    return ModelLoader.load(
        kernels,
        config(name),
        new GoldenWeights(Goldens.tensors("models/" + name + "/model.safetensors")),
        quantization,
        change);
  }

  /** Returns the modules of a tiny model. */
  public static ModelModules modules(String name) {
    ModelConfig config = config(name);
    return ModelModules.of(DecoderTensors.shapes(config), config.layers());
  }

  static ModelConfig config(String name) {
    JsonNode json = Goldens.json("models/" + name + "/config.json");
    JsonNode scaling = json.path("rope_scaling");
    RopeScaling rope =
        scaling.isObject()
            ? new RopeScaling.Llama3(
                scaling.path("factor").asDouble(),
                scaling.path("low_freq_factor").asDouble(),
                scaling.path("high_freq_factor").asDouble(),
                scaling.path("original_max_position_embeddings").asInt())
            : new RopeScaling.None();
    return new ModelConfig(
        "llama",
        json.path("vocab_size").asInt(),
        json.path("hidden_size").asInt(),
        json.path("intermediate_size").asInt(),
        json.path("num_hidden_layers").asInt(),
        json.path("num_attention_heads").asInt(),
        json.path("num_key_value_heads").asInt(),
        json.path("head_dim").asInt(),
        json.path("rms_norm_eps").asDouble(),
        json.path("rope_theta").asDouble(),
        rope,
        json.path("tie_word_embeddings").asBoolean(),
        json.path("max_position_embeddings").asInt());
  }
}
