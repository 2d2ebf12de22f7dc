/** The files of a checkpoint and of a delivered adapter. */
@NullMarked
package dev.finetune.trainer.checkpoint;

import org.jspecify.annotations.NullMarked;
