package dev.finetune.trainer.plan;

import java.util.List;

/**
 * The worst moment of a phase.
 *
 * @param phase the phase
 * @param tensorBytes most bytes of tensors, as the engine counts them
 * @param nativeBytes most bytes with those that kernels need while they run
 * @param allocations what {@code nativeBytes} is made of
 */
public record PhasePeak(
    Phase phase, long tensorBytes, long nativeBytes, List<MemoryPlan.Allocation> allocations) {}
