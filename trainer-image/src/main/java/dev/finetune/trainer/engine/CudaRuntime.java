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
import java.util.Optional;

/** The CUDA runtime that a libtorch for CUDA brings; a libtorch for CPUs has none. */
final class CudaRuntime {
  // Numbers of the runtime's cudaDeviceAttr.
  private static final int COMPUTE_CAPABILITY_MAJOR = 75;
  private static final int COMPUTE_CAPABILITY_MINOR = 76;

  private static final int FIRST = 0;

  private final SymbolLookup libraries;

  private CudaRuntime(SymbolLookup libraries) {
    this.libraries = libraries;
  }

  /** Returns the runtime among the libraries that were loaded. */
  static Optional<CudaRuntime> loaded() {
    SymbolLookup libraries = SymbolLookup.loaderLookup();
    return libraries.find("cudaGetDeviceCount").map(_ -> new CudaRuntime(libraries));
  }

  /** Returns the first GPU; empty where there is none, or no driver for this runtime. */
  Optional<Gpu> firstGpu() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment number = arena.allocate(JAVA_INT);
      int error = (int) function("cudaGetDeviceCount", ADDRESS).invokeExact(number);
      if (error != 0 || number.get(JAVA_INT, 0) == 0) {
        return Optional.empty();
      }
      MemorySegment free = arena.allocate(JAVA_LONG);
      MemorySegment total = arena.allocate(JAVA_LONG);
      check(
          "cudaMemGetInfo",
          (int) function("cudaMemGetInfo", ADDRESS, ADDRESS).invokeExact(free, total));
      return Optional.of(
          new Gpu(
              total.get(JAVA_LONG, 0),
              attribute(COMPUTE_CAPABILITY_MAJOR, number),
              attribute(COMPUTE_CAPABILITY_MINOR, number)));
    } catch (Throwable e) {
      throw TorchShim.failure("the GPU", e);
    }
  }

  private int attribute(int which, MemorySegment number) throws Throwable {
    MethodHandle ask = function("cudaDeviceGetAttribute", ADDRESS, JAVA_INT, JAVA_INT);
    check("cudaDeviceGetAttribute", (int) ask.invokeExact(number, which, FIRST));
    return number.get(JAVA_INT, 0);
  }

  /** Waits until all kernels that were started have ended. */
  void finish() {
    try {
      check("cudaDeviceSynchronize", (int) function("cudaDeviceSynchronize").invokeExact());
    } catch (Throwable e) {
      throw TorchShim.failure("the end of kernels", e);
    }
  }

  private static void check(String function, int error) {
    if (error != 0) {
      throw new IllegalStateException(function + " failed with CUDA error " + error);
    }
  }

  private MethodHandle function(String name, MemoryLayout... parameters) {
    return Linker.nativeLinker()
        .downcallHandle(
            libraries
                .find(name)
                .orElseThrow(() -> new IllegalStateException("the CUDA runtime has no " + name)),
            FunctionDescriptor.of(JAVA_INT, parameters));
  }
}
