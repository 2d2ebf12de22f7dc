package dev.finetune.trainer.lora;

import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.random.CounterRandom;
import java.nio.ByteBuffer;

/**
 * Which inputs of the adapters are kept in an optimizer step: a function of (seed, step, example,
 * layer, module group) and of the place in the example, never of the place in a micro-batch. So 1 x
 * 8 equals 8 x 1, and a resumed run draws what the uninterrupted one would have drawn.
 *
 * <p>Modules that share an input share one mask. PEFT draws one for each module; the expectation is
 * the same.
 *
 * @param seed seed of the run
 * @param step optimizer step, from 0
 * @param probability probability that an input is dropped, 0 (exclusive) to 1 (exclusive)
 */
public record DropoutMasks(long seed, int step, double probability) {
  private static final int DRAWS_PER_WORD = 4;
  private static final int RESOLUTION = 1 << 16;

  /** Returns the factor of the inputs that are kept. */
  public double scale() {
    return 1 / (1 - probability);
  }

  /**
   * Draws the mask of a micro-batch: bytes of 0 and 1, (T, width).
   *
   * @param examples example of each sequence
   * @param offsets where each sequence begins, and where the last ends
   */
  public Tensor mask(
      Kernels kernels,
      Scope scope,
      int[] examples,
      long[] offsets,
      int layer,
      int group,
      long width) {
    int tokens = Math.toIntExact(offsets[examples.length]);
    byte[] keep = new byte[Math.toIntExact(tokens * width)];
    int threshold = (int) Math.round(probability * RESOLUTION);
    for (int i = 0; i < examples.length; i++) {
      long key = CounterRandom.key(seed, step, examples[i], layer, group);
      int start = Math.toIntExact(offsets[i] * width);
      int end = Math.toIntExact(offsets[i + 1] * width);
      draw(keep, start, end, key, threshold);
    }
    return kernels.engine().copyOf(scope, ByteBuffer.wrap(keep), ElementType.U8, tokens, width);
  }

  private static void draw(byte[] keep, int start, int end, long key, int threshold) {
    long counter = 0;
    for (int i = start; i < end; i += DRAWS_PER_WORD) {
      long word = CounterRandom.bits(key, counter++);
      int last = Math.min(end, i + DRAWS_PER_WORD);
      for (int j = i; j < last; j++) {
        keep[j] = (byte) ((word & 0xffff) >= threshold ? 1 : 0);
        word >>>= 16;
      }
    }
  }
}
