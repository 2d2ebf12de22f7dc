package dev.finetune.trainer.basemodel;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.json.JsonFields;
import dev.finetune.trainer.json.JsonFile;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Reads a {@code config.json}. Fields that may be absent have the defaults of their family in
 * transformers.
 */
final class HuggingFaceConfig {
  private final JsonFields fields;

  private HuggingFaceConfig(JsonFields fields) {
    this.fields = fields;
  }

  /**
   * Reads the configuration of a model.
   *
   * @throws UnsupportedModel if it is of no family that is known, or has a feature that is not
   *     supported
   * @throws UnreadableData if the file is missing, broken, or says what cannot be
   */
  static ModelConfig read(Path file) {
    return new HuggingFaceConfig(JsonFile.readObject(file, JsonFile.SETTINGS_BYTES)).read();
  }

  private ModelConfig read() {
    Family family = family();
    requireSupportedFeatures(family);
    try {
      return family == Family.GPT2 ? gpt2() : llamaLike(family);
    } catch (IllegalArgumentException e) {
      throw new UnreadableData(fields.source() + ": " + e.getMessage(), e);
    }
  }

  private ModelConfig llamaLike(Family family) {
    Family.Defaults defaults = family.defaults();
    int hiddenSize = fields.requireInt("hidden_size");
    int heads = fields.requireInt("num_attention_heads");
    int layers = fields.requireInt("num_hidden_layers");
    int maxPositions = fields.intOr("max_position_embeddings", defaults.maxPositions());
    RopeFields rope = new RopeFields(fields, family);
    boolean headsGiven = fields.names("num_key_value_heads") || defaults.keyValueHeads() == 0;
    return new ModelConfig(
        family.type(),
        fields.requireInt("vocab_size"),
        hiddenSize,
        fields.requireInt("intermediate_size"),
        layers,
        heads,
        headsGiven ? fields.intOr("num_key_value_heads", heads) : defaults.keyValueHeads(),
        fields.intOr("head_dim", headSize(fields, defaults, hiddenSize, heads)),
        fields.doubleOr("rms_norm_eps", defaults.normEpsilon()),
        rope.theta(),
        rope.scaling(maxPositions),
        fields.booleanOr("tie_word_embeddings", defaults.tiedEmbeddings()),
        maxPositions,
        new FamilyFields(fields, family, ModelConfig.requireLayers(layers)).traits(hiddenSize));
  }

  private static int headSize(
      JsonFields fields, Family.Defaults defaults, int hiddenSize, int heads) {
    if (defaults.headSize() != 0 && !fields.names("head_dim")) {
      return defaults.headSize();
    }
    return heads < 1 ? 0 : hiddenSize / heads;
  }

  private ModelConfig gpt2() {
    int hiddenSize = fields.requireInt("n_embd");
    int heads = fields.requireInt("n_head");
    return new ModelConfig(
        Family.GPT2.type(),
        fields.requireInt("vocab_size"),
        hiddenSize,
        fields.intOr("n_inner", Math.multiplyExact(4, hiddenSize)),
        fields.requireInt("n_layer"),
        heads,
        heads,
        heads < 1 ? 0 : hiddenSize / heads,
        fields.doubleOr("layer_norm_epsilon", Family.GPT2.defaults().normEpsilon()),
        Family.GPT2.defaults().ropeTheta(),
        new RopeScaling.None(),
        fields.booleanOr("tie_word_embeddings", true),
        fields.intOr("n_positions", Family.GPT2.defaults().maxPositions()),
        Gpt2Traits.of(ModelConfig.requireLayers(fields.requireInt("n_layer"))));
  }

  private Family family() {
    JsonNode architectures = fields.node("architectures");
    String type = fields.text("model_type");
    String first = architectures == null ? null : architectures.path(0).asText();
    for (Family family : Family.values()) {
      boolean named =
          type == null ? family.architecture().equals(first) : family.type().equals(type);
      if (named) {
        if (architectures != null
            && (architectures.size() != 1 || !family.architecture().equals(first))) {
          throw new UnsupportedModel(
              "%s: architecture '%s' is not supported for model_type %s, use %s"
                  .formatted(fields.source(), first, family.type(), family.architecture()));
        }
        return family;
      }
    }
    if (type == null && first != null) {
      throw new UnsupportedModel(
          "%s: architecture '%s' is not supported, use one of %s"
              .formatted(fields.source(), first, Family.architectures()));
    }
    throw new UnsupportedModel(
        "%s: model_type '%s' is not supported, use one of %s"
            .formatted(fields.source(), type, Family.types()));
  }

  private void requireSupportedFeatures(Family family) {
    List<String> refused = new ArrayList<>();
    if (family == Family.GPT2) {
      refused.add("quantization_config");
    } else {
      StoredQuantization.declared(fields);
    }
    if (family == Family.LLAMA || family == Family.GEMMA) {
      refused.add("sliding_window");
    }
    for (String absent : refused) {
      JsonNode value = fields.node(absent);
      if (value != null) {
        throw unsupported(absent, JsonFields.describe(value));
      }
    }
    for (String off :
        new String[] {
          "use_bidirectional_attention",
          "scale_attn_by_inverse_layer_idx",
          "reorder_and_upcast_attn",
          "add_cross_attention"
        }) {
      if (fields.booleanOr(off, false)) {
        throw unsupported(off, "true");
      }
    }
    if (family == Family.GPT2) {
      requireGpt2Features();
      return;
    }
    // GPT-2 files all name dropout, which we leave to the adapter; elsewhere it is a choice.
    for (String dropout : new String[] {"attention_dropout", "resid_pdrop", "embd_pdrop"}) {
      double share = fields.doubleOr(dropout, 0);
      if (share != 0) {
        throw unsupported(dropout, String.valueOf(share));
      }
    }
  }

  private void requireGpt2Features() {
    if (!fields.booleanOr("scale_attn_weights", true)) {
      throw unsupported("scale_attn_weights", "false");
    }
    String activation = fields.text("activation_function");
    if (activation != null
        && !activation.equals("gelu_new")
        && !activation.equals("gelu_pytorch_tanh")) {
      throw unsupported("activation_function", activation);
    }
  }

  private UnsupportedModel unsupported(String field, String value) {
    return new UnsupportedModel(
        "%s: %s %s is not supported".formatted(fields.source(), field, value));
  }
}
