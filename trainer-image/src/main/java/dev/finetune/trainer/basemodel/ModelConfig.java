package dev.finetune.trainer.basemodel;

import java.util.List;

/**
 * The shape of a decoder of the Llama family.
 *
 * @param architecture name as the model's own file gives it: {@code llama}
 * @param vocabularySize rows of the embedding
 * @param hiddenSize width of the residual stream
 * @param intermediateSize width inside the feed-forward block
 * @param layers number of decoder layers
 * @param attentionHeads number of query heads
 * @param keyValueHeads number of key and value heads; divides {@code attentionHeads}
 * @param headSize width of one head, even; not always {@code hiddenSize / attentionHeads}
 * @param rmsNormEpsilon added to the mean square in every norm
 * @param ropeTheta base of the rotary frequencies
 * @param ropeScaling how these frequencies are stretched
 * @param tiedEmbeddings whether the head is the embedding; if not there is an {@code lm_head}
 * @param maxPositions longest sequence the model was made for
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
    int maxPositions) {

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
    if (ropeScaling instanceof RopeScaling.Divisors(List<Float> divisors)
        && divisors.size() != headSize / 2) {
      throw new IllegalArgumentException(
          "rotary factors must be %d, half the size of a head, were %d"
              .formatted(headSize / 2, divisors.size()));
    }
    if (!(rmsNormEpsilon > 0 && rmsNormEpsilon <= 1)) {
      throw new IllegalArgumentException(
          "rmsNormEpsilon must be above 0 and at most 1, was " + rmsNormEpsilon);
    }
    if (!(ropeTheta >= 1 && ropeTheta <= 1e12)) {
      throw new IllegalArgumentException("ropeTheta must be 1 to 1e12, was " + ropeTheta);
    }
  }

  /** Returns the width of all query heads side by side. */
  public int queryWidth() {
    return attentionHeads * headSize;
  }

  /** Returns the width of all key heads, or all value heads, side by side. */
  public int keyValueWidth() {
    return keyValueHeads * headSize;
  }

  private static void requireRange(String name, int value, int most) {
    if (value < 1 || value > most) {
      throw new IllegalArgumentException(name + " must be 1 to " + most + ", was " + value);
    }
  }
}
