package dev.finetune.trainer.basemodel;

import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.weights.WeightReader;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/** Which tensors a decoder has, by its configuration, and whether a file has them. */
public final class DecoderTensors {
  private DecoderTensors() {}

  /** Returns the shape (out, in) or (width) of every tensor, in the order of the forward pass. */
  public static SequencedMap<String, long[]> shapes(ModelConfig config) {
    SequencedMap<String, long[]> shapes = new LinkedHashMap<>();
    long hidden = config.hiddenSize();
    long[] norm = {hidden};
    long[] intoFeedForward = {config.intermediateSize(), hidden};
    shapes.put("model.embed_tokens.weight", new long[] {config.vocabularySize(), hidden});
    for (int layer = 0; layer < config.layers(); layer++) {
      String prefix = "model.layers." + layer + ".";
      long[] keyValue = {config.keyValueWidth(), hidden};
      shapes.put(prefix + "input_layernorm.weight", norm);
      shapes.put(prefix + "self_attn.q_proj.weight", new long[] {config.queryWidth(), hidden});
      shapes.put(prefix + "self_attn.k_proj.weight", keyValue);
      shapes.put(prefix + "self_attn.v_proj.weight", keyValue);
      shapes.put(prefix + "self_attn.o_proj.weight", new long[] {hidden, config.queryWidth()});
      shapes.put(prefix + "post_attention_layernorm.weight", norm);
      shapes.put(prefix + "mlp.gate_proj.weight", intoFeedForward);
      shapes.put(prefix + "mlp.up_proj.weight", intoFeedForward);
      shapes.put(prefix + "mlp.down_proj.weight", new long[] {hidden, config.intermediateSize()});
    }
    shapes.put("model.norm.weight", norm);
    if (!config.tiedEmbeddings()) {
      shapes.put("lm_head.weight", new long[] {config.vocabularySize(), hidden});
    }
    return shapes;
  }

  /**
   * Checks that a file has every tensor in its shape, and none that would change the result if it
   * were left out.
   *
   * @param source what to call the file in errors
   * @throws UnreadableData naming the first tensor that is missing or has another shape
   * @throws UnsupportedModel naming a tensor that the decoder has no place for
   */
  static void require(String source, ModelConfig config, WeightReader weights) {
    SequencedMap<String, long[]> expected = shapes(config);
    for (var entry : expected.entrySet()) {
      String name = entry.getKey();
      if (!weights.names().contains(name)) {
        throw new UnreadableData(
            "%s: tensor '%s' is missing, expected shape %s"
                .formatted(source, name, Arrays.toString(entry.getValue())));
      }
      if (!Arrays.equals(weights.shape(name), entry.getValue())) {
        throw new UnreadableData(
            "%s: tensor '%s': expected shape %s, found %s"
                .formatted(
                    source,
                    name,
                    Arrays.toString(entry.getValue()),
                    Arrays.toString(weights.shape(name))));
      }
    }
    for (String name : weights.names()) {
      if (!expected.containsKey(name) && !ignorable(name)) {
        throw new UnsupportedModel(
            "%s: tensor '%s' is not part of a Llama decoder that is supported"
                .formatted(source, name));
      }
    }
  }

  /** Old checkpoints keep what is computed, and a head that is the embedding over again. */
  private static boolean ignorable(String name) {
    return name.equals("lm_head.weight")
        || name.equals(GgufConfig.ROPE_FACTORS)
        || name.endsWith(".rotary_emb.inv_freq");
  }
}
