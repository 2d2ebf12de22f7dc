package dev.finetune.trainer.plan;

import java.util.Comparator;
import java.util.List;

/**
 * The predicted memory of a run.
 *
 * @param tokenBudget most tokens of a micro-batch
 * @param recompute whether the tape keeps a block's input only and the block is computed again
 * @param phases the worst moment of each phase
 * @param beside what lies beside tensors in the same memory
 * @param host what the process holds where tensors lie in a GPU's memory; empty where they lie in
 *     its own
 */
public record MemoryPlan(
    int tokenBudget,
    boolean recompute,
    List<PhasePeak> phases,
    List<Allocation> beside,
    List<Allocation> host) {
  /** Copies the lists. */
  public MemoryPlan {
    phases = List.copyOf(phases);
    beside = List.copyOf(beside);
    host = List.copyOf(host);
  }

  /**
   * Memory for one purpose.
   *
   * @param name the purpose
   * @param bytes its size
   */
  public record Allocation(String name, long bytes) {}

  /** Returns the predicted {@code Engine.peakBytes} of the run. */
  public long tensorBytes() {
    return phases.stream().mapToLong(PhasePeak::tensorBytes).max().orElse(0);
  }

  /** Returns the phase with the most memory. */
  public PhasePeak worst() {
    return phases.stream().max(Comparator.comparingLong(PhasePeak::nativeBytes)).orElseThrow();
  }

  /** Returns the predicted peak of the memory that tensors lie in: the process's or the GPU's. */
  public long peakBytes() {
    return worst().nativeBytes() + sum(beside);
  }

  /** Returns the predicted peak of the process. */
  public long processBytes() {
    return host.isEmpty() ? peakBytes() : sum(host);
  }

  private static long sum(List<Allocation> allocations) {
    return allocations.stream().mapToLong(Allocation::bytes).sum();
  }
}
