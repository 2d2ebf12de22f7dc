package dev.finetune.trainer.basemodel;

import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;
import dev.finetune.trainer.weights.WeightReader;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;

/** Which tensors a decoder has, by its configuration, and whether a file has them. */
public final class DecoderTensors {
  private DecoderTensors() {}

  /** Returns the shape (out, in) or (width) of every tensor, in the order of the forward pass. */
  public static SequencedMap<String, long[]> shapes(ModelConfig config) {
    DecoderLayout layout = new DecoderLayout(config);
    SequencedMap<String, long[]> shapes = new LinkedHashMap<>();
    long hidden = config.hiddenSize();
    shapes.put(layout.embedding() + ".weight", new long[] {config.vocabularySize(), hidden});
    if (config.traits().embeddings().learnedPositions()) {
      shapes.put(layout.positions() + ".weight", new long[] {config.maxPositions(), hidden});
    }
    for (int layer = 0; layer < config.layers(); layer++) {
      putBlock(shapes, layout, layout.block(layer));
    }
    putNorm(shapes, layout, layout.lastNorm(), hidden);
    if (!config.tiedEmbeddings()) {
      shapes.put("lm_head.weight", new long[] {config.vocabularySize(), hidden});
    }
    return shapes;
  }

  private static void putBlock(
      SequencedMap<String, long[]> shapes, DecoderLayout layout, String prefix) {
    ModelConfig config = layout.config();
    DecoderLayout.BlockNorms norms = layout.norms();
    List<List<DecoderLayout.Linear>> groups = layout.groups();
    putNorm(shapes, layout, prefix + norms.input(), config.hiddenSize());
    groups.get(0).forEach(linear -> putLinear(shapes, prefix, linear));
    if (config.traits().attention().headNorms()) {
      putNorm(shapes, layout, prefix + layout.queryNorm(), config.headSize());
      putNorm(shapes, layout, prefix + layout.keyNorm(), config.headSize());
    }
    groups.get(1).forEach(linear -> putLinear(shapes, prefix, linear));
    if (norms.afterAttention() != null) {
      putNorm(shapes, layout, prefix + norms.afterAttention(), config.hiddenSize());
    }
    putNorm(shapes, layout, prefix + norms.feedForward(), config.hiddenSize());
    groups.get(2).forEach(linear -> putLinear(shapes, prefix, linear));
    groups.get(3).forEach(linear -> putLinear(shapes, prefix, linear));
    if (norms.afterFeedForward() != null) {
      putNorm(shapes, layout, prefix + norms.afterFeedForward(), config.hiddenSize());
    }
  }

  private static void putLinear(
      SequencedMap<String, long[]> shapes, String prefix, DecoderLayout.Linear linear) {
    shapes.put(prefix + linear.name() + ".weight", new long[] {linear.out(), linear.in()});
    if (linear.bias()) {
      shapes.put(prefix + linear.name() + ".bias", new long[] {linear.out()});
    }
  }

  private static void putNorm(
      SequencedMap<String, long[]> shapes, DecoderLayout layout, String name, long width) {
    shapes.put(name + ".weight", new long[] {width});
    if (layout.normBias()) {
      shapes.put(name + ".bias", new long[] {width});
    }
  }

  /**
   * Returns the weights of a file in the Hugging Face layout under the names and in the shapes that
   * {@link #shapes} has; closing them closes the file.
   */
  public static WeightReader arranged(ModelConfig config, WeightReader file) {
    return switch (config.traits().naming()) {
      case LLAMA -> file;
      case GPT2 -> new Gpt2Weights(file);
    };
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
            "%s: tensor '%s' is not part of a %s decoder that is supported"
                .formatted(source, name, config.architecture()));
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
