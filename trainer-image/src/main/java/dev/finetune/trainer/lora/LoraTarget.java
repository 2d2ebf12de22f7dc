package dev.finetune.trainer.lora;

/**
 * A layer that gets a low-rank update.
 *
 * @param shape the layer; an embedding is one from the vocabulary to the hidden size
 * @param rank rank of its matrices, at least 1
 * @param scaling factor of {@code B A}: alpha / rank
 * @param embedding whether it is an embedding, whose A begins as zero and B as random numbers
 */
public record LoraTarget(LinearShape shape, int rank, double scaling, boolean embedding) {
  /** Makes a linear layer's. */
  public LoraTarget(LinearShape shape, int rank, double scaling) {
    this(shape, rank, scaling, false);
  }

  /** Checks the rank. */
  public LoraTarget {
    if (rank < 1) {
      throw new IllegalArgumentException(
          shape.name() + ": the rank must be at least 1, was " + rank);
    }
  }
}
