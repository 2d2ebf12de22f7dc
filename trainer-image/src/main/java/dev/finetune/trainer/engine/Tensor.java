package dev.finetune.trainer.engine;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import ai.djl.pytorch.engine.PtNDArray;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A block of numbers in native memory, seen from Java only by its shape.
 *
 * <p>It is freed by {@link #close}, which a {@link Scope} calls for the tensors that it owns. DJL
 * must never be asked for its data type, since its answer to bfloat16 is to abort the process;
 * libtorch's C shim is asked.
 */
public final class Tensor implements AutoCloseable {
  private final Engine engine;
  private final PtNDArray array;
  private final TorchShim.Placement placement;
  private boolean closed;

  Tensor(Engine engine, PtNDArray array) {
    this.engine = engine;
    this.array = array;
    this.placement = engine.born(array);
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

  /** Returns the size of its elements in bytes, whether or not they are shared with others. */
  public long bytes() {
    return elements() * TorchShim.elementBytes(placement.type());
  }

  boolean is(ElementType type) {
    return placement.type() == type.code();
  }

  /**
   * Returns the memory of the elements, to be used at once: it is gone when the tensor is closed.
   *
   * @throws IllegalStateException if they do not lie one after the other in the machine's memory
   */
  MemorySegment memory() {
    if (!engine.isPlain(array())) {
      throw new IllegalStateException("the elements of " + this + " do not lie in a row");
    }
    return MemorySegment.ofAddress(placement.data()).reinterpret(bytes());
  }

  /**
   * Returns the bytes of the elements of an {@code F32} or {@code U8} tensor in row-major order.
   * They are no copy if they lie in the machine's memory: to be used before the tensor changes, and
   * never after it is closed.
   */
  public MemorySegment contents() {
    if (engine.isPlain(array())) {
      return memory();
    }
    return is(ElementType.F32)
        ? MemorySegment.ofArray(toFloats())
        : MemorySegment.ofArray(toBytes());
  }

  /**
   * Copies the elements of a 32-bit floating point tensor to Java.
   *
   * @return the elements in row-major order
   */
  public float[] toFloats() {
    return is(ElementType.F32) && engine.isPlain(array())
        ? memory().toArray(JAVA_FLOAT)
        : array().toFloatArray();
  }

  /** Copies the elements of a tensor of bytes to Java. */
  public byte[] toBytes() {
    return is(ElementType.U8) && engine.isPlain(array())
        ? memory().toArray(JAVA_BYTE)
        : array().toByteArray();
  }

  @Override
  public void close() {
    if (!closed) {
      closed = true;
      engine.died(placement);
      array.close();
    }
  }

  @Override
  public String toString() {
    return closed ? "closed tensor" : "tensor " + Arrays.toString(shape());
  }
}
