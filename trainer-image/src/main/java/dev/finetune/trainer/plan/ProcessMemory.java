package dev.finetune.trainer.plan;

import java.util.List;

/**
 * What a process holds beside tensors. The constants were measured on a process that has loaded
 * libtorch and trained a model of a few thousand parameters.
 */
final class ProcessMemory {
  private static final long MEBIBYTE = 1 << 20;
  private static final long LIBRARIES = 190 * MEBIBYTE;
  private static final long VIRTUAL_MACHINE = 100 * MEBIBYTE;
  private static final long HEAP = 110 * MEBIBYTE;

  /** Parameters, their matrices apart, and two states of the optimizer, when a run is saved. */
  private static final int COPIES_OF_A_CHECKPOINT = 4;

  private ProcessMemory() {}

  /** Returns the parts of a process with an adapter of this many parameters. */
  static List<MemoryPlan.Allocation> of(long parameters, long nativeBytes) {
    return List.of(
        new MemoryPlan.Allocation("libtorch and its threads", LIBRARIES),
        new MemoryPlan.Allocation("Java: classes, code, threads", VIRTUAL_MACHINE),
        new MemoryPlan.Allocation(
            "Java: heap, with copies for a checkpoint",
            HEAP + COPIES_OF_A_CHECKPOINT * parameters * Float.BYTES),
        new MemoryPlan.Allocation("gaps between allocations", nativeBytes / 50));
  }
}
