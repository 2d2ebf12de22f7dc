package dev.finetune.trainer.model;

import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.random.CounterRandom;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/**
 * The noise that NEFTune adds to the embeddings of an optimizer step: uniform on (-1, 1) times
 * {@code alpha / sqrt(L d)}, where L is the length of the sequence and d the width. As a dropout
 * mask, it is a function of (seed, step, example) and of the place in the example, so that neither
 * the cut into micro-batches nor a resumed run changes it.
 *
 * @param seed seed of the run
 * @param step optimizer step, from 0
 * @param alpha scale, above 0
 * @see <a href="https://arxiv.org/abs/2310.05914">NEFTune, section 2, algorithm 1</a>
 */
public record EmbeddingNoise(long seed, int step, double alpha) {
  /** Dropout masks count layers from 0, so that no mask draws the numbers of the embedding. */
  private static final int EMBEDDING = -1;

  private static final int ONLY_GROUP = 0;

  /** Returns the largest magnitude of the noise in a sequence. */
  static double bound(double alpha, long length, long width) {
    return alpha / Math.sqrt((double) length * width);
  }

  /**
   * Draws the noise of a micro-batch: (T, width) in the type of activations.
   *
   * @param scope owner of the result
   */
  Tensor draw(Kernels kernels, Scope scope, MicroBatch batch, int width) {
    long[] offsets = batch.offsets();
    int count = Math.toIntExact(batch.tokens() * (long) width);
    FloatBuffer noise =
        ByteBuffer.allocateDirect(Math.multiplyExact(count, Float.BYTES))
            .order(ByteOrder.nativeOrder())
            .asFloatBuffer();
    for (int i = 0; i < batch.examples().length; i++) {
      long key = CounterRandom.key(seed, step, batch.examples()[i], EMBEDDING, ONLY_GROUP);
      long length = offsets[i + 1] - offsets[i];
      double bound = bound(alpha, length, width);
      for (long place = 0; place < length * width; place++) {
        noise.put((float) ((2 * CounterRandom.uniform(key, place) - 1) * bound));
      }
    }
    try (Scope temporary = new Scope()) {
      Tensor wide =
          kernels.engine().copyOf(temporary, noise.flip(), ElementType.F32, batch.tokens(), width);
      // In 32 bits the conversion gives the same tensor again under another owner.
      return kernels.toActivations(scope, wide);
    }
  }
}
