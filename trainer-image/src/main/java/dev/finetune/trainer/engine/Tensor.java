package dev.finetune.trainer.engine;

import ai.djl.pytorch.engine.PtNDArray;
import java.util.Arrays;

/**
 * A block of numbers in native memory, seen from Java only by its shape.
 *
 * <p>It is freed by {@link #close}, which a {@link Scope} calls for the tensors that it owns. The
 * data type is known to the code that made it; DJL must never be asked for it, since its answer to
 * bfloat16 is to abort the process.
 */
public final class Tensor implements AutoCloseable {
  private final Engine engine;
  private final PtNDArray array;
  private boolean closed;

  Tensor(Engine engine, PtNDArray array) {
    this.engine = engine;
    this.array = array;
    engine.born();
  }

  PtNDArray array() {
    if (closed) {
      throw new IllegalStateException("the tensor is closed");
    }
    return array;
  }

  /** Returns the sizes of the dimensions, outermost first. */
  public long[] shape() {
    return array().getShape().getShape();
  }

  /** Returns the size of a dimension. */
  public long size(int dimension) {
    return array().getShape().get(dimension);
  }

  /** Returns the number of elements. */
  public long elements() {
    return array().getShape().size();
  }

  /**
   * Copies the elements of a 32-bit floating point tensor to Java.
   *
   * @return the elements in row-major order
   */
  public float[] toFloats() {
    return array().toFloatArray();
  }

  /** Copies the elements of a tensor of bytes to Java. */
  public byte[] toBytes() {
    return array().toByteArray();
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      array.close();
      engine.died();
    }
  }

  @Override
  public String toString() {
    return closed ? "closed tensor" : "tensor " + Arrays.toString(shape());
  }
}
