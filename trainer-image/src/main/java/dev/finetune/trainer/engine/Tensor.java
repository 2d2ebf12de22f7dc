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

  /** Returns libtorch's number of the kind of device whose memory it lies in. */
  int device() {
    return placement.device();
  }

  /** Returns the address of the first element in the memory of its device. */
  long address() {
    return placement.data();
  }

  /** Returns whether the elements lie in the machine's memory, in row-major order without gaps. */
  boolean isPlain() {
    return device() == ComputeDevice.CPU.code() && engine.isInARow(array());
  }

  /**
   * Returns the memory of the elements, to be used at once: it is gone when the tensor is closed.
   *
   * @throws IllegalStateException if they do not lie one after the other in the machine's memory
   */
  MemorySegment memory() {
    if (!isPlain()) {
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
    if (isPlain()) {
      return memory();
    }
    ElementType type = is(ElementType.F32) ? ElementType.F32 : ElementType.U8;
    if (device() != ComputeDevice.CPU.code()) {
      return engine.fetch(this, type);
    }
    return type == ElementType.F32
        ? MemorySegment.ofArray(toFloats())
        : MemorySegment.ofArray(toBytes());
  }

  /**
   * Copies the elements of a 32-bit floating point tensor to Java.
   *
   * @return the elements in row-major order
   */
  public float[] toFloats() {
    if (is(ElementType.F32) && isPlain()) {
      return memory().toArray(JAVA_FLOAT);
    }
    return device() == ComputeDevice.CPU.code()
        ? array().toFloatArray()
        : engine.fetch(this, ElementType.F32).toArray(JAVA_FLOAT);
  }

  /** Copies the elements of a tensor of bytes to Java. */
  public byte[] toBytes() {
    if (is(ElementType.U8) && isPlain()) {
      return memory().toArray(JAVA_BYTE);
    }
    return device() == ComputeDevice.CPU.code()
        ? array().toByteArray()
        : engine.fetch(this, ElementType.U8).toArray(JAVA_BYTE);
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
