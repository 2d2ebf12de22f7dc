package dev.finetune.trainer.basemodel;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.json.JsonFields;
import dev.finetune.trainer.json.JsonFile;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Reads a {@code config.json}. Fields that may be absent have the defaults of transformers'
 * LlamaConfig; both spellings of the rotary settings are read, the older {@code rope_theta} and
 * {@code rope_scaling}, and {@code rope_parameters} since version 5.
 */
final class HuggingFaceConfig {
  private final JsonFields fields;

  private HuggingFaceConfig(JsonFields fields) {
    this.fields = fields;
  }

  /**
   * Reads the configuration of a Llama model.
   *
   * @throws UnsupportedModel if it is another architecture, or has a feature that is not supported
   * @throws UnreadableData if the file is missing, broken, or says what cannot be
   */
  static ModelConfig read(Path file) {
    return new HuggingFaceConfig(JsonFile.readObject(file, JsonFile.SETTINGS_BYTES)).read();
  }

  private ModelConfig read() {
    requireLlama();
    requireSupportedFeatures();
    int hiddenSize = fields.requireInt("hidden_size");
    int heads = fields.requireInt("num_attention_heads");
    try {
      return new ModelConfig(
          "llama",
          fields.requireInt("vocab_size"),
          hiddenSize,
          fields.requireInt("intermediate_size"),
          fields.requireInt("num_hidden_layers"),
          heads,
          fields.intOr("num_key_value_heads", heads),
          fields.intOr("head_dim", heads < 1 ? 0 : hiddenSize / heads),
          fields.doubleOr("rms_norm_eps", 1e-6),
          ropeTheta(),
          ropeScaling(),
          fields.booleanOr("tie_word_embeddings", false),
          fields.intOr("max_position_embeddings", 2048));
    } catch (IllegalArgumentException e) {
      throw new UnreadableData(fields.source() + ": " + e.getMessage(), e);
    }
  }

  private void requireLlama() {
    JsonNode architectures = fields.node("architectures");
    if (architectures != null) {
      String first = architectures.path(0).asText();
      if (architectures.size() != 1 || !first.equals("LlamaForCausalLM")) {
        throw new UnsupportedModel(
            "%s: architecture '%s' is not supported, use LlamaForCausalLM"
                .formatted(fields.source(), first));
      }
    }
    String type = fields.text("model_type");
    if (type == null ? architectures == null : !type.equals("llama")) {
      throw new UnsupportedModel(
          "%s: model_type '%s' is not supported, use llama".formatted(fields.source(), type));
    }
  }

  private void requireSupportedFeatures() {
    for (String bias : new String[] {"attention_bias", "mlp_bias"}) {
      if (fields.booleanOr(bias, false)) {
        throw unsupported(bias, "true");
      }
    }
    String activation = fields.text("hidden_act");
    if (activation != null && !activation.equals("silu")) {
      throw unsupported("hidden_act", activation);
    }
    JsonNode window = fields.node("sliding_window");
    if (window != null) {
      throw unsupported("sliding_window", JsonFields.describe(window));
    }
    StoredQuantization.declared(fields);
    double partial = fields.doubleOr("partial_rotary_factor", 1);
    if (partial != 1) {
      throw unsupported("partial_rotary_factor", String.valueOf(partial));
    }
    double dropout = fields.doubleOr("attention_dropout", 0);
    if (dropout != 0) {
      throw unsupported("attention_dropout", String.valueOf(dropout));
    }
  }

  private UnsupportedModel unsupported(String field, String value) {
    return new UnsupportedModel(
        "%s: %s %s is not supported".formatted(fields.source(), field, value));
  }

  private double ropeTheta() {
    JsonFields parameters = fields.object("rope_parameters");
    double older = fields.doubleOr("rope_theta", 10000);
    return parameters == null ? older : parameters.doubleOr("rope_theta", older);
  }

  private RopeScaling ropeScaling() {
    JsonFields newer = fields.object("rope_parameters");
    JsonFields rope = newer == null ? fields.object("rope_scaling") : newer;
    if (rope == null) {
      return new RopeScaling.None();
    }
    if (rope.doubleOr("partial_rotary_factor", 1) != 1) {
      throw unsupported(
          "partial_rotary_factor", String.valueOf(rope.node("partial_rotary_factor")));
    }
    String type = ropeType(rope);
    return switch (type) {
      case "default" -> new RopeScaling.None();
      case "linear" -> new RopeScaling.Linear(rope.requireDouble("factor"));
      case "llama3" ->
          new RopeScaling.Llama3(
              rope.requireDouble("factor"),
              rope.requireDouble("low_freq_factor"),
              rope.requireDouble("high_freq_factor"),
              rope.requireInt("original_max_position_embeddings"));
      default ->
          throw new UnsupportedModel(
              "%s: rope_type '%s' is not supported, use default, linear or llama3"
                  .formatted(rope.source(), type));
    };
  }

  private static String ropeType(JsonFields rope) {
    @Nullable String type = rope.text("rope_type");
    if (type == null) {
      type = rope.text("type");
    }
    return type == null ? "default" : type;
  }
}
