package dev.finetune.trainer.optim;

import dev.finetune.trainer.failure.UnreadableData;

/** Where an optimizer reads its state back from. */
public interface StateSource {
  /**
   * Returns a tensor of 32-bit numbers.
   *
   * @throws UnreadableData if there is none of this name and shape
   */
  float[] floats(String name, long[] shape);

  /**
   * Returns a tensor of one-byte codes.
   *
   * @throws UnreadableData if there is none of this name and shape
   */
  byte[] codes(String name, long[] shape);
}
