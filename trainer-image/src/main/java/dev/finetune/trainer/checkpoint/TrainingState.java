package dev.finetune.trainer.checkpoint;

import org.jspecify.annotations.Nullable;

/**
 * What a checkpoint keeps besides matrices. Nothing else is needed: order, dropout and learning
 * rate are functions of the step.
 *
 * @param step optimizer steps completed
 * @param loss training loss of the last step
 * @param evalLossBefore held-out loss before the first step, if measured
 */
public record TrainingState(int step, double loss, @Nullable Double evalLossBefore) {}
