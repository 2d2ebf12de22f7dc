/** Adapters and merged models in the formats of other programs. */
@NullMarked
package dev.finetune.trainer.export;

import org.jspecify.annotations.NullMarked;
