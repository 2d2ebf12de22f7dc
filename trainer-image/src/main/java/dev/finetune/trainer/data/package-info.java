/** Training examples: how rows of the user's files become token ids and labels. */
@NullMarked
package dev.finetune.trainer.data;

import org.jspecify.annotations.NullMarked;
