package dev.finetune.trainer.basemodel;

import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.weights.GgufMetadata;
import dev.finetune.trainer.weights.GgufReader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;

/** Reads the configuration of a Llama model from the metadata of a GGUF file. */
final class GgufConfig {
  private static final String EMBEDDING = "model.embed_tokens.weight";
  private static final String HEAD = "lm_head.weight";
  static final String ROPE_FACTORS = "rope_freqs.weight";

  private final GgufMetadata metadata;
  private final GgufReader reader;

  private GgufConfig(GgufReader reader) {
    this.metadata = reader.metadata();
    this.reader = reader;
  }

  /**
   * Reads the configuration. Embeddings are tied where the file has no {@code output.weight}.
   *
   * @throws UnsupportedModel if the model has a feature that is not supported
   * @throws UnreadableData if metadata is missing or says what cannot be
   */
  static ModelConfig read(GgufReader reader) {
    return new GgufConfig(reader).read();
  }

  private ModelConfig read() {
    requireSupportedFeatures();
    Set<String> names = reader.names();
    if (!names.contains(EMBEDDING)) {
      throw new UnreadableData(metadata.source() + ": tensor 'token_embd.weight' is missing");
    }
    int heads = metadata.requireInt("llama.attention.head_count");
    int hiddenSize = metadata.requireInt("llama.embedding_length");
    int headSize = metadata.intOr("llama.attention.key_length", heads < 1 ? 0 : hiddenSize / heads);
    for (String same :
        new String[] {"llama.attention.value_length", "llama.rope.dimension_count"}) {
      int size = metadata.intOr(same, headSize);
      if (size != headSize) {
        throw new UnsupportedModel(
            "%s: %s %d is not supported where the head size is %d"
                .formatted(metadata.source(), same, size, headSize));
      }
    }
    try {
      return new ModelConfig(
          "llama",
          (int) Math.min(reader.shape(EMBEDDING)[0], Integer.MAX_VALUE),
          hiddenSize,
          metadata.requireInt("llama.feed_forward_length"),
          metadata.requireInt("llama.block_count"),
          heads,
          metadata.intOr("llama.attention.head_count_kv", heads),
          headSize,
          metadata.requireDouble("llama.attention.layer_norm_rms_epsilon"),
          metadata.doubleOr("llama.rope.freq_base", 10000),
          ropeScaling(headSize),
          !names.contains(HEAD),
          metadata.requireInt("llama.context_length"));
    } catch (IllegalArgumentException e) {
      throw new UnreadableData(metadata.source() + ": " + e.getMessage(), e);
    }
  }

  private void requireSupportedFeatures() {
    String architecture = metadata.requireText("general.architecture");
    if (!architecture.equals("llama")) {
      throw new UnsupportedModel(
          "%s: architecture '%s' is not supported, use llama"
              .formatted(metadata.source(), architecture));
    }
    for (String zero : new String[] {"llama.expert_count", "llama.attention.sliding_window"}) {
      int value = metadata.intOr(zero, 0);
      if (value != 0) {
        throw new UnsupportedModel(
            "%s: %s %d is not supported".formatted(metadata.source(), zero, value));
      }
    }
  }

  private RopeScaling ropeScaling(int headSize) {
    String type = metadata.text("llama.rope.scaling.type");
    if (reader.names().contains(ROPE_FACTORS) && (type == null || type.equals("none"))) {
      return new RopeScaling.Divisors(ropeDivisors(headSize));
    }
    return switch (type == null ? "none" : type) {
      case "none" -> new RopeScaling.None();
      case "linear" -> new RopeScaling.Linear(metadata.requireDouble("llama.rope.scaling.factor"));
      default ->
          throw new UnsupportedModel(
              "%s: llama.rope.scaling.type '%s' is not supported, use none or linear"
                  .formatted(metadata.source(), type));
    };
  }

  /** Llama 3.1 and later: what each frequency is divided by, worked out when the file was made. */
  private List<Float> ropeDivisors(int headSize) {
    long[] shape = reader.shape(ROPE_FACTORS);
    if (shape.length != 1 || shape[0] != headSize / 2) {
      throw new UnreadableData(
          "%s: tensor '%s': expected shape [%d], half the size of a head, found %s"
              .formatted(metadata.source(), ROPE_FACTORS, headSize / 2, Arrays.toString(shape)));
    }
    List<Float> divisors = new ArrayList<>();
    reader.stream(
        ROPE_FACTORS,
        (values, count) -> {
          for (int i = 0; i < count; i++) {
            divisors.add(values[i]);
          }
        });
    return divisors;
  }
}
