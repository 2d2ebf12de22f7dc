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

  /** Lets go of the files. Tensors must not be read afterwards. */
  @Override
  void close();
}
