package dev.finetune.trainer.plan;

import dev.finetune.trainer.engine.ElementType;
import java.util.List;

/**
 * What a process holds beside tensors. The constants are fitted to the peaks of runs of a model of
 * 135 million parameters; they are no formula of what the libraries do.
 */
final class ProcessMemory {
  private static final long MEBIBYTE = 1 << 20;
  private static final long LIBRARIES = 270 * MEBIBYTE;
  private static final long VIRTUAL_MACHINE = 100 * MEBIBYTE;
  private static final long HEAP = 110 * MEBIBYTE;

  /** Parameters, their matrices apart, and two states of the optimizer, when a run is saved. */
  private static final int COPIES_OF_A_CHECKPOINT = 4;

  private ProcessMemory() {}

  /** Returns the parts of a process with an adapter of this many parameters. */
  static List<MemoryPlan.Allocation> of(Workload workload, long parameters, long nativeBytes) {
    long head = (long) workload.config().vocabularySize() * workload.config().hiddenSize();
    return List.of(
        new MemoryPlan.Allocation(
            "operands that products in F32 pack",
            workload.type() == ElementType.F32 ? head * Float.BYTES : 0),
        new MemoryPlan.Allocation("libtorch and its threads", LIBRARIES),
        new MemoryPlan.Allocation("Java: classes, code, threads", VIRTUAL_MACHINE),
        new MemoryPlan.Allocation(
            "Java: heap, with copies for a checkpoint",
            HEAP + COPIES_OF_A_CHECKPOINT * parameters * Float.BYTES),
        new MemoryPlan.Allocation("gaps between allocations", nativeBytes / 50));
  }
}
