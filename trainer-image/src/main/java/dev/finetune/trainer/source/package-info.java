/** Brings models, data sets and adapters to the local disk and names their bytes. */
@NullMarked
package dev.finetune.trainer.source;

import org.jspecify.annotations.NullMarked;
