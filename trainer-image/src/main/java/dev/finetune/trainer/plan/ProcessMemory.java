package dev.finetune.trainer.plan;

import java.util.List;

/**
 * What a process holds beside tensors. The constants are fitted to the peaks of six runs of a model
 * of 135 million parameters, started as {@code bin/trainer} starts them; they are no formula of
 * what the libraries do.
 */
final class ProcessMemory {
  private static final long MEBIBYTE = 1 << 20;
  private static final long LIBRARIES = 190 * MEBIBYTE;
  private static final long VIRTUAL_MACHINE = 70 * MEBIBYTE;
  private static final long HEAP = 55 * MEBIBYTE;

  /** Parameters, their matrices apart, and two states of the optimizer, when a run is saved. */
  private static final int COPIES_OF_A_CHECKPOINT = 4;

  /** Tensors from this size on go back to the system at once: {@code bin/java-options}. */
  private static final long MAPPED = 4 * MEBIBYTE;

  /** Gaps that smaller tensors leave, in tensors of the residual stream. */
  private static final int GAPS = 80;

  private ProcessMemory() {}

  /**
   * Returns the parts of a process.
   *
   * @param parameters size of the adapter
   * @param tokens most tokens of a micro-batch
   */
  static List<MemoryPlan.Allocation> of(Workload workload, long parameters, int tokens) {
    long stream = (long) tokens * workload.config().hiddenSize() * workload.type().bytes();
    return List.of(
        new MemoryPlan.Allocation("libtorch and its threads", LIBRARIES),
        new MemoryPlan.Allocation("Java: classes, code, threads", VIRTUAL_MACHINE),
        new MemoryPlan.Allocation(
            "Java: heap, with copies for a checkpoint",
            HEAP + COPIES_OF_A_CHECKPOINT * parameters * Float.BYTES),
        new MemoryPlan.Allocation("gaps between allocations", stream < MAPPED ? GAPS * stream : 0));
  }
}
