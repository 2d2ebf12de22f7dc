package dev.finetune.trainer.export;

import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.basemodel.DecoderTensors;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.basemodel.RopeScaling;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.merge.Llama3Divisors;
import dev.finetune.trainer.weights.BlockEncoder;
import dev.finetune.trainer.weights.GgufMetadata;
import dev.finetune.trainer.weights.GgufMetadata.Value;
import dev.finetune.trainer.weights.GgufReader;
import dev.finetune.trainer.weights.GgufWriter;
import dev.finetune.trainer.weights.WeightReader;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Writes a model as GGUF. Norms stay in 32 bits; beside {@code Q4_0}, embedding and output layer
 * are {@code Q8_0}, since they lose most by four bits.
 *
 * @param type type of the linear layers
 */
public record GgufModel(BlockEncoder type) {
  private static final int QUANTIZATION_VERSION = 2;

  /**
   * Writes a file.
   *
   * @param weights the base model's, perhaps with an adapter merged in
   * @param chatTemplate Jinja text, or null
   * @throws UnsupportedModel if GGUF, as it is known here, has no words for the model
   */
  public void write(
      BaseModel base, WeightReader weights, @Nullable String chatTemplate, Path target) {
    ModelConfig config = base.config();
    requireLlama(base.name(), config);
    GgufWriter writer = new GgufWriter(config.architecture());
    put(writer, base.name(), config);
    putTokenizer(writer, base);
    if (chatTemplate != null) {
      writer.put("tokenizer.chat_template", new Value.Text(chatTemplate));
    }
    for (String name : DecoderTensors.shapes(config).keySet()) {
      int heads = name.contains("k_proj") ? config.keyValueHeads() : config.attentionHeads();
      writer.weight(name, typeOf(name), weights, heads);
    }
    putRopeDivisors(writer, config);
    writer.write(target);
  }

  static void requireLlama(String name, ModelConfig config) {
    if (!config.architecture().equals("llama")) {
      throw new UnsupportedModel(
          "%s: architecture '%s' cannot be written to GGUF yet, only llama"
              .formatted(name, config.architecture()));
    }
  }

  private BlockEncoder typeOf(String name) {
    boolean end = name.equals("model.embed_tokens.weight") || name.equals("lm_head.weight");
    return end && type == BlockEncoder.Q4_0 ? BlockEncoder.Q8_0 : type;
  }

  private void put(GgufWriter writer, String name, ModelConfig config) {
    String prefix = config.architecture() + ".";
    writer
        .put("general.type", new Value.Text("model"))
        .put("general.name", new Value.Text(name))
        .put("general.file_type", new Value.Int(type.fileType()))
        .put("general.quantization_version", new Value.Int(QUANTIZATION_VERSION))
        .put(prefix + "vocab_size", new Value.Int(config.vocabularySize()))
        .put(prefix + "context_length", new Value.Int(config.maxPositions()))
        .put(prefix + "embedding_length", new Value.Int(config.hiddenSize()))
        .put(prefix + "block_count", new Value.Int(config.layers()))
        .put(prefix + "feed_forward_length", new Value.Int(config.intermediateSize()))
        .put(prefix + "attention.head_count", new Value.Int(config.attentionHeads()))
        .put(prefix + "attention.head_count_kv", new Value.Int(config.keyValueHeads()))
        .put(prefix + "attention.key_length", new Value.Int(config.headSize()))
        .put(prefix + "attention.value_length", new Value.Int(config.headSize()))
        .put(prefix + "attention.layer_norm_rms_epsilon", new Value.Real(config.rmsNormEpsilon()))
        .put(prefix + "rope.dimension_count", new Value.Int(config.headSize()))
        .put(prefix + "rope.freq_base", new Value.Real(config.ropeTheta()));
    if (config.ropeScaling() instanceof RopeScaling.Linear(double factor)) {
      writer
          .put(prefix + "rope.scaling.type", new Value.Text("linear"))
          .put(prefix + "rope.scaling.factor", new Value.Real(factor));
    }
  }

  private static void putRopeDivisors(GgufWriter writer, ModelConfig config) {
    switch (config.ropeScaling()) {
      case RopeScaling.None(), RopeScaling.Linear(double _) -> {
        // Said in the metadata.
      }
      case RopeScaling.Dynamic _, RopeScaling.Yarn _, RopeScaling.LongRope _ ->
          throw new UnsupportedModel(
              "rotations scaled by dynamic, yarn or longrope cannot be written to GGUF");
      case RopeScaling.Llama3 llama3 ->
          writer.tensor("rope_freqs.weight", Llama3Divisors.of(config, llama3));
      case RopeScaling.Divisors divisors -> {
        float[] values = new float[divisors.values().size()];
        for (int i = 0; i < values.length; i++) {
          values[i] = divisors.values().get(i);
        }
        writer.tensor("rope_freqs.weight", values);
      }
    }
  }

  private static void putTokenizer(GgufWriter writer, BaseModel base) {
    if (base.weights() instanceof GgufReader gguf) {
      GgufMetadata metadata = gguf.metadata();
      for (String key : metadata.keys()) {
        if (key.startsWith("tokenizer.") && !(metadata.value(key) instanceof Value.Skipped)) {
          writer.put(key, metadata.value(key));
        }
      }
    } else {
      GgufVocabulary.of(base.name(), base.tokenizer(), base.config().vocabularySize())
          .forEach(writer::put);
    }
  }
}
