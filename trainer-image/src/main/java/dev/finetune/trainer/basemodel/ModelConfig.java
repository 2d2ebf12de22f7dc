package dev.finetune.trainer.basemodel;

import java.util.List;

/**
 * The shape of a decoder.
 *
 * @param architecture name as the model's own file gives it: {@code llama}
 * @param vocabularySize rows of the embedding
 * @param hiddenSize width of the residual stream
 * @param intermediateSize width inside the feed-forward block
 * @param layers number of decoder layers
 * @param attentionHeads number of query heads
 * @param keyValueHeads number of key and value heads; divides {@code attentionHeads}
 * @param headSize width of one head, even; not always {@code hiddenSize / attentionHeads}
 * @param rmsNormEpsilon added to the mean square, or the variance, in every norm
 * @param ropeTheta base of the rotary frequencies
 * @param ropeScaling how these frequencies are stretched
 * @param tiedEmbeddings whether the head is the embedding; if not there is an {@code lm_head}
 * @param maxPositions longest sequence the model was made for
 * @param traits in what it differs from Llama
 */
public record ModelConfig(
    String architecture,
    int vocabularySize,
    int hiddenSize,
    int intermediateSize,
    int layers,
    int attentionHeads,
    int keyValueHeads,
    int headSize,
    double rmsNormEpsilon,
    double ropeTheta,
    RopeScaling ropeScaling,
    boolean tiedEmbeddings,
    int maxPositions,
    DecoderTraits traits) {
  /** Makes the shape of a Llama model. */
  public ModelConfig(
      String architecture,
      int vocabularySize,
      int hiddenSize,
      int intermediateSize,
      int layers,
      int attentionHeads,
      int keyValueHeads,
      int headSize,
      double rmsNormEpsilon,
      double ropeTheta,
      RopeScaling ropeScaling,
      boolean tiedEmbeddings,
      int maxPositions) {
    this(
        architecture,
        vocabularySize,
        hiddenSize,
        intermediateSize,
        layers,
        attentionHeads,
        keyValueHeads,
        headSize,
        rmsNormEpsilon,
        ropeTheta,
        ropeScaling,
        tiedEmbeddings,
        maxPositions,
        DecoderTraits.LLAMA);
  }

  /**
   * Checks every value and how they fit together.
   *
   * @throws IllegalArgumentException naming the first value that is out of its range
   */
  public ModelConfig {
    requireRange("vocabularySize", vocabularySize, 1 << 22);
    requireRange("hiddenSize", hiddenSize, 1 << 16);
    requireRange("intermediateSize", intermediateSize, 1 << 20);
    requireRange("layers", layers, 1024);
    requireRange("attentionHeads", attentionHeads, 1024);
    requireRange("keyValueHeads", keyValueHeads, attentionHeads);
    requireRange("headSize", headSize, 1024);
    requireRange("maxPositions", maxPositions, 1 << 26);
    if (attentionHeads % keyValueHeads != 0) {
      throw new IllegalArgumentException(
          "keyValueHeads must divide attentionHeads %d, was %d"
              .formatted(attentionHeads, keyValueHeads));
    }
    if (headSize % 2 != 0) {
      throw new IllegalArgumentException("headSize must be even, was " + headSize);
    }
    if (!(rmsNormEpsilon > 0 && rmsNormEpsilon <= 1)) {
      throw new IllegalArgumentException(
          "rmsNormEpsilon must be above 0 and at most 1, was " + rmsNormEpsilon);
    }
    if (!(ropeTheta >= 1 && ropeTheta <= 1e12)) {
      throw new IllegalArgumentException("ropeTheta must be 1 to 1e12, was " + ropeTheta);
    }
    int layersWithTraits = traits.attention().layers().size();
    if (layersWithTraits != 0 && layersWithTraits != layers) {
      throw new IllegalArgumentException(
          "the kind of attention must be said of %d layers, was of %d"
              .formatted(layers, layersWithTraits));
    }
    ropeScaling.requireFrequencies(rotarySize(headSize, traits) / 2);
  }

  /** Returns the width of all query heads side by side. */
  public int queryWidth() {
    return attentionHeads * headSize;
  }

  /** Returns the width of all key heads, or all value heads, side by side. */
  public int keyValueWidth() {
    return keyValueHeads * headSize;
  }

  /** Returns how many elements of a head, its first ones, are rotated; an even number. */
  public int rotarySize() {
    return rotarySize(headSize, traits);
  }

  private static int rotarySize(int headSize, DecoderTraits traits) {
    int size = (int) (headSize * traits.attention().rotaryShare());
    if (size < 2 || size % 2 != 0) {
      throw new IllegalArgumentException(
          "partial_rotary_factor: an even number of a head's %d elements must be rotated, was %d"
              .formatted(headSize, size));
    }
    return size;
  }

  /** Returns what is special about the attention of a block. */
  public DecoderTraits.Layer layer(int index) {
    List<DecoderTraits.Layer> layers = traits.attention().layers();
    return layers.isEmpty() ? DecoderTraits.Layer.FULL : layers.get(index);
  }

  /** Returns whether any block places tokens in this way. */
  public boolean places(DecoderTraits.Positions positions) {
    List<DecoderTraits.Layer> layers = traits.attention().layers();
    return layers.isEmpty()
        ? positions == DecoderTraits.Positions.ROTARY
        : layers.stream().anyMatch(layer -> layer.positions() == positions);
  }

  /** Returns what scores of attention are multiplied by. */
  public double attentionScale() {
    double scalar = traits.attention().queryScalar();
    return 1 / Math.sqrt(scalar == 0 ? headSize : scalar);
  }

  /** Returns the number of layers if it is in its range, before a list of as many is made. */
  static int requireLayers(int layers) {
    requireRange("layers", layers, 1024);
    return layers;
  }

  private static void requireRange(String name, int value, int most) {
    if (value < 1 || value > most) {
      throw new IllegalArgumentException(name + " must be 1 to " + most + ", was " + value);
    }
  }
}
