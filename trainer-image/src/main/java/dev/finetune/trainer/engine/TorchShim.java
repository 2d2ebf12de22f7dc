package dev.finetune.trainer.engine;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;

/**
 * Calls to libtorch's C shim for what TorchScript cannot say. A handle of DJL is an {@code
 * AtenTensorHandle} of the shim.
 */
final class TorchShim {
  private final MethodHandle viewDtype;

  /** Looks the functions up in the native library that DJL has loaded. */
  TorchShim() {
    viewDtype =
        Linker.nativeLinker()
            .downcallHandle(
                SymbolLookup.loaderLookup()
                    .find("aoti_torch_view_dtype")
                    .orElseThrow(
                        () -> new IllegalStateException("libtorch has no aoti_torch_view_dtype")),
                FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT, ADDRESS));
  }

  /** Returns the handle of a new tensor that shares the memory and reads it as another type. */
  long viewAs(long handle, ElementType type) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment result = arena.allocate(JAVA_LONG);
      int error = (int) viewDtype.invokeExact(handle, type.code(), result);
      if (error != 0) {
        throw new IllegalStateException("aoti_torch_view_dtype failed with " + error);
      }
      return result.get(JAVA_LONG, 0);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("aoti_torch_view_dtype could not be called", e);
    }
  }
}
