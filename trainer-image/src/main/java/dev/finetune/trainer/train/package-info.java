/** What one optimizer step does, which examples it sees, and what of it a checkpoint keeps. */
@NullMarked
package dev.finetune.trainer.train;

import org.jspecify.annotations.NullMarked;
