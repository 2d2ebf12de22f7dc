package dev.finetune.trainer.engine;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;

import dev.finetune.trainer.failure.InvalidConfiguration;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Settings by which libtorch computes the same bits on a GPU each time: sums in a fixed order,
 * products of 32 bits in 32 bits.
 *
 * <p>Neither DJL nor libtorch's C shim has functions for them, so that methods of {@code
 * at::Context} are called by the names that the C++ compiler gives them.
 *
 * @see <a href="https://docs.pytorch.org/docs/2.7/notes/randomness.html">Reproducibility</a>
 */
final class Determinism {
  /** Variable by which cuBLAS is told how large a workspace each stream has. */
  static final String WORKSPACE = "CUBLAS_WORKSPACE_CONFIG";

  private static final Set<String> FIXED_WORKSPACES = Set.of(":4096:8", ":16:8");

  private Determinism() {}

  /**
   * Checks that products use a workspace of a fixed size; others may sum in another order.
   *
   * @param workspace value of {@link #WORKSPACE}, which the process was started with
   * @throws InvalidConfiguration if it is not set so
   */
  static void requireFixedWorkspace(@Nullable String workspace) {
    if (workspace == null || !FIXED_WORKSPACES.contains(workspace)) {
      throw new InvalidConfiguration(
          WORKSPACE
              + ": must be :4096:8 or :16:8 on a GPU, or two runs differ, was "
              + (workspace == null ? "not set" : workspace));
    }
  }

  /** Makes it so for the whole process. */
  static void require() {
    // Without it indexed sums and the gradient of attention add in the order in which threads come.
    set("setDeterministicAlgorithms", true, false);
    // Memory that is not set is always overwritten here; filling it first would only cost time.
    set("setDeterministicFillUninitializedMemory", false);
    set("setAllowTF32CuBLAS", false);
    set("setAllowBF16ReductionCuBLAS", false);
  }

  /** Returns whether libtorch was told to compute the same bits each time. */
  static boolean required() {
    MethodHandle ask =
        Linker.nativeLinker()
            .downcallHandle(
                find("_ZNK2at7Context23deterministicAlgorithmsEv"),
                FunctionDescriptor.of(JAVA_BOOLEAN, ADDRESS));
    try {
      return (boolean) ask.invokeExact(context());
    } catch (Throwable e) {
      throw TorchShim.failure("a setting of libtorch", e);
    }
  }

  /** Calls a method of the context that takes booleans and returns nothing. */
  static void set(String method, boolean... values) {
    String parameters = "b".repeat(values.length);
    MemorySegment function = find("_ZN2at7Context" + method.length() + method + "E" + parameters);
    MemoryLayout[] layouts = new MemoryLayout[values.length + 1];
    Object[] arguments = new Object[values.length + 1];
    layouts[0] = ADDRESS;
    arguments[0] = context();
    for (int i = 0; i < values.length; i++) {
      layouts[i + 1] = JAVA_BOOLEAN;
      arguments[i + 1] = values[i];
    }
    try {
      Linker.nativeLinker()
          .downcallHandle(function, FunctionDescriptor.ofVoid(layouts))
          .invokeWithArguments(arguments);
    } catch (Throwable e) {
      throw TorchShim.failure("a setting of libtorch", e);
    }
  }

  private static MemorySegment context() {
    try {
      return (MemorySegment)
          Linker.nativeLinker()
              .downcallHandle(find("_ZN2at13globalContextEv"), FunctionDescriptor.of(ADDRESS))
              .invokeExact();
    } catch (Throwable e) {
      throw TorchShim.failure("the settings of libtorch", e);
    }
  }

  private static MemorySegment find(String name) {
    return SymbolLookup.loaderLookup()
        .find(name)
        .orElseThrow(() -> new IllegalStateException("libtorch has no " + name));
  }
}
