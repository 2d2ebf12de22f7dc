/** Optimizer, learning-rate schedules and clipping. */
@NullMarked
package dev.finetune.trainer.optim;

import org.jspecify.annotations.NullMarked;
