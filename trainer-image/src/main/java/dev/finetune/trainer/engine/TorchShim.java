package dev.finetune.trainer.engine;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * Calls to libtorch's C shim for what TorchScript cannot say. A handle of DJL is an {@code
 * AtenTensorHandle} of the shim.
 */
final class TorchShim {
  private static final int CONTIGUOUS_DIMENSIONS = 16;

  private final MethodHandle viewDtype = function("aoti_torch_view_dtype", JAVA_LONG, JAVA_INT);
  private final MethodHandle emptyStrided =
      function(
          "aoti_torch_empty_strided", JAVA_LONG, ADDRESS, ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT);
  private final MethodHandle dataPointer = function("aoti_torch_get_data_ptr", JAVA_LONG);
  private final MethodHandle storageSize = function("aoti_torch_get_storage_size", JAVA_LONG);
  private final MethodHandle storageOffset = function("aoti_torch_get_storage_offset", JAVA_LONG);
  private final MethodHandle dtype = function("aoti_torch_get_dtype", JAVA_LONG);
  private final MethodHandle deviceType = function("aoti_torch_get_device_type", JAVA_LONG);
  private final MethodHandle dimensions = function("aoti_torch_get_dim", JAVA_LONG);
  private final MethodHandle sizes = function("aoti_torch_get_sizes", JAVA_LONG);
  private final MethodHandle strides = function("aoti_torch_get_strides", JAVA_LONG);

  private final MethodHandle fromBlob =
      function(
          "aoti_torch_create_tensor_from_blob",
          ADDRESS,
          JAVA_LONG,
          ADDRESS,
          ADDRESS,
          JAVA_LONG,
          JAVA_INT,
          JAVA_INT,
          JAVA_INT);
  private final MethodHandle copy =
      plainFunction("aoti_torch_copy_", JAVA_LONG, JAVA_LONG, JAVA_INT);
  private final MethodHandle delete = plainFunction("aoti_torch_delete_tensor_object", JAVA_LONG);

  /** Where results are written to; its use is guarded by this object's lock. */
  private final MemorySegment result = Arena.ofAuto().allocate(JAVA_LONG);

  /**
   * Where a tensor's numbers lie.
   *
   * @param storage address of the block of memory that it shares with its views
   * @param storageBytes size of that block
   * @param data address of the first element
   * @param type libtorch's number of the element type
   * @param device libtorch's number of the kind of device
   */
  record Placement(long storage, long storageBytes, long data, int type, int device) {}

  /** Looks a function up in the native library that DJL has loaded; its result comes last. */
  private static MethodHandle function(String name, MemoryLayout... parameters) {
    MemoryLayout[] all = new MemoryLayout[parameters.length + 1];
    System.arraycopy(parameters, 0, all, 0, parameters.length);
    all[parameters.length] = ADDRESS;
    return plainFunction(name, all);
  }

  private static MethodHandle plainFunction(String name, MemoryLayout... parameters) {
    return Linker.nativeLinker()
        .downcallHandle(
            SymbolLookup.loaderLookup()
                .find(name)
                .orElseThrow(() -> new IllegalStateException("libtorch has no " + name)),
            FunctionDescriptor.of(JAVA_INT, parameters));
  }

  /** Returns the handle of a new tensor that shares the memory and reads it as another type. */
  synchronized long viewAs(long handle, ElementType type) {
    try {
      return answer((int) viewDtype.invokeExact(handle, type.code(), result));
    } catch (Throwable e) {
      throw failure("aoti_torch_view_dtype", e);
    }
  }

  /** Returns the handle of a new tensor in a device's memory whose elements are not set. */
  synchronized long empty(ComputeDevice device, ElementType type, long... shape) {
    try (Arena arena = Arena.ofConfined()) {
      long[] steps = contiguousStrides(shape);
      int error =
          (int)
              emptyStrided.invokeExact(
                  (long) shape.length,
                  arena.allocateFrom(JAVA_LONG, shape),
                  arena.allocateFrom(JAVA_LONG, steps),
                  type.code(),
                  device.code(),
                  0,
                  result);
      return answer(error);
    } catch (Throwable e) {
      throw failure("aoti_torch_empty_strided", e);
    }
  }

  private static long[] contiguousStrides(long... shape) {
    long[] strides = new long[shape.length];
    long step = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      strides[i] = step;
      step *= shape[i];
    }
    return strides;
  }

  /** Returns where a tensor lies. */
  synchronized Placement placement(long handle) {
    try {
      int type = (int) answer((int) dtype.invokeExact(handle, result));
      long data = answer((int) dataPointer.invokeExact(handle, result));
      long offset = answer((int) storageOffset.invokeExact(handle, result));
      long bytes = answer((int) storageSize.invokeExact(handle, result));
      int device = (int) answer((int) deviceType.invokeExact(handle, result));
      return new Placement(data - offset * elementBytes(type), bytes, data, type, device);
    } catch (Throwable e) {
      throw failure("the place of a tensor", e);
    }
  }

  /** Returns the size of an element of a type by libtorch's number of it. */
  static int elementBytes(int type) {
    return switch (type) {
      case 0, 1, 11 -> 1; // bytes and booleans
      case 2, 5, 15 -> 2; // int16, float16, bfloat16
      case 3, 6 -> 4; // int32, float32
      case 4, 7 -> 8; // int64, float64
      default -> throw new IllegalStateException("no kernel returns libtorch's type " + type);
    };
  }

  /** Copies bytes of the machine's memory to an address of a device. */
  synchronized void copyFromHost(long target, int device, MemorySegment host, long bytes) {
    copy(target, device, host.address(), ComputeDevice.CPU.code(), bytes);
  }

  /** Copies bytes from an address of a device to the machine's memory. */
  synchronized void copyToHost(long source, int device, MemorySegment host, long bytes) {
    copy(host.address(), ComputeDevice.CPU.code(), source, device, bytes);
  }

  private void copy(long target, int targetDevice, long source, int sourceDevice, long bytes) {
    if (bytes == 0) {
      return;
    }
    try {
      long to = bytesAt(target, targetDevice, bytes);
      try {
        long from = bytesAt(source, sourceDevice, bytes);
        try {
          check((int) copy.invokeExact(to, from, 0));
        } finally {
          check((int) delete.invokeExact(from));
        }
      } finally {
        check((int) delete.invokeExact(to));
      }
    } catch (Throwable e) {
      throw failure("a copy of " + bytes + " bytes", e);
    }
  }

  /** Returns the handle of a tensor of bytes whose memory stays someone else's. */
  private long bytesAt(long address, int device, long bytes) throws Throwable {
    try (Arena arena = Arena.ofConfined()) {
      int error =
          (int)
              fromBlob.invokeExact(
                  MemorySegment.ofAddress(address),
                  1L,
                  arena.allocateFrom(JAVA_LONG, new long[] {bytes}),
                  arena.allocateFrom(JAVA_LONG, new long[] {1}),
                  0L,
                  ElementType.U8.code(),
                  device,
                  0,
                  result);
      return answer(error);
    }
  }

  /** Returns whether the elements lie in row-major order without gaps. */
  synchronized boolean isInARow(long handle) {
    try {
      int count = (int) answer((int) dimensions.invokeExact(handle, result));
      if (count > CONTIGUOUS_DIMENSIONS) {
        return false;
      }
      long[] shape = array(answer((int) sizes.invokeExact(handle, result)), count);
      long[] steps = array(answer((int) strides.invokeExact(handle, result)), count);
      long[] plain = contiguousStrides(shape);
      for (int i = 0; i < count; i++) {
        if (shape[i] > 1 && steps[i] != plain[i]) {
          return false;
        }
      }
      return true;
    } catch (Throwable e) {
      throw failure("the layout of a tensor", e);
    }
  }

  private static long[] array(long address, int count) {
    return count == 0
        ? new long[0]
        : MemorySegment.ofAddress(address)
            .reinterpret(count * JAVA_LONG.byteSize())
            .toArray(JAVA_LONG);
  }

  private static void check(int error) {
    if (error != 0) {
      throw new IllegalStateException("a function of libtorch's shim failed with " + error);
    }
  }

  private long answer(int error) {
    check(error);
    return result.get(JAVA_LONG, 0);
  }

  /** Returns what to throw where a foreign function threw; errors are thrown at once. */
  static RuntimeException failure(String what, Throwable cause) {
    return switch (cause) {
      case Error error -> throw error;
      case RuntimeException exception -> exception;
      default -> new IllegalStateException(what + " could not be asked for", cause);
    };
  }
}
