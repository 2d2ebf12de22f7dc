package dev.finetune.trainer.lora;

/**
 * A linear layer that gets a low-rank update.
 *
 * @param shape the layer
 * @param rank rank of its matrices, at least 1
 * @param scaling factor of {@code B A}: alpha / rank
 */
public record LoraTarget(LinearShape shape, int rank, double scaling) {
  /** Checks the rank. */
  public LoraTarget {
    if (rank < 1) {
      throw new IllegalArgumentException(
          shape.name() + ": the rank must be at least 1, was " + rank);
    }
  }
}
