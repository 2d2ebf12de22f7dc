package dev.finetune.trainer.weights;

import java.nio.FloatBuffer;
import java.util.Set;

/**
 * Tensors of a model by name, one at a time.
 *
 * <p>Names are those of the Hugging Face layout, whatever the file calls them. Values are float32,
 * row-major, whatever type the file keeps them in. A reader holds files open until it is closed and
 * may be used by several threads at once.
 */
public interface WeightReader extends AutoCloseable {
  /** Values of a part of a tensor: a multiple of the blocks of every quantized format. */
  int PART = 1 << 14;

  /** Returns the names of all tensors, in ascending order. */
  Set<String> names();

  /**
   * Returns the shape of a tensor, slowest dimension first.
   *
   * @throws IllegalArgumentException if there is no tensor of this name
   */
  long[] shape(String name);

  /**
   * Fills the target with a tensor's values, from its position to its limit.
   *
   * @param target has exactly as many elements remaining as the tensor has; its position is at its
   *     limit afterwards
   * @throws IllegalArgumentException if there is no tensor of this name or the target's size is
   *     another
   * @throws dev.finetune.trainer.failure.UnsupportedModel if the type has no reading as float32
   */
  void read(String name, FloatBuffer target);

  /** Takes the values of a tensor in order, in parts. */
  interface Sink {
    /**
     * Takes the next part.
     *
     * @param values the part, overwritten after the call
     * @param count how many of the values count: {@link #PART}, or less in the last part
     */
    void accept(float[] values, int count);
  }

  /**
   * Passes a tensor's values on in parts. A reader of files never has them in memory as a whole.
   *
   * @throws IllegalArgumentException if there is no tensor of this name
   * @throws dev.finetune.trainer.failure.UnsupportedModel if the type has no reading as float32
   */
  default void stream(String name, Sink sink) {
    long elements = 1;
    for (long size : shape(name)) {
      elements = Math.multiplyExact(elements, size);
    }
    FloatBuffer whole = FloatBuffer.allocate(Math.toIntExact(elements));
    read(name, whole);
    whole.flip();
    float[] part = new float[PART];
    while (whole.hasRemaining()) {
      int count = Math.min(PART, whole.remaining());
      whole.get(part, 0, count);
      sink.accept(part, count);
    }
  }

  /** Lets go of the files. Tensors must not be read afterwards. */
  @Override
  void close();
}
