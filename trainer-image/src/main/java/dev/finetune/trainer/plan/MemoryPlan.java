package dev.finetune.trainer.plan;

import java.util.Comparator;
import java.util.List;

/**
 * The predicted memory of a run.
 *
 * @param tokenBudget most tokens of a micro-batch
 * @param recompute whether the tape keeps a block's input only and the block is computed again
 * @param phases the worst moment of each phase
 * @param process what the process holds beside tensors
 */
public record MemoryPlan(
    int tokenBudget, boolean recompute, List<PhasePeak> phases, List<Allocation> process) {
  /** Copies the lists. */
  public MemoryPlan {
    phases = List.copyOf(phases);
    process = List.copyOf(process);
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

  /** Returns the predicted peak of the whole process. */
  public long peakBytes() {
    return worst().nativeBytes() + process.stream().mapToLong(Allocation::bytes).sum();
  }
}
