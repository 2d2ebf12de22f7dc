package dev.finetune.trainer.engine;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.invoke.MethodHandle;
import org.jspecify.annotations.Nullable;

/** The C library's allocator, from which libtorch has its memory. */
final class NativeAllocator {
  /** Only glibc has it. */
  private final @Nullable MethodHandle trim =
      Linker.nativeLinker()
          .defaultLookup()
          .find("malloc_trim")
          .map(
              function ->
                  Linker.nativeLinker()
                      .downcallHandle(function, FunctionDescriptor.of(JAVA_INT, JAVA_LONG)))
          .orElse(null);

  /** Gives what was freed back to the operating system, where the allocator can. */
  void trim() {
    if (trim == null) {
      return;
    }
    try {
      int _ = (int) trim.invokeExact(0L);
    } catch (RuntimeException | Error e) {
      throw e;
    } catch (Throwable e) {
      throw new IllegalStateException("malloc_trim could not be called", e);
    }
  }
}
