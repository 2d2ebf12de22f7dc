/** Runs in object storage: read with bounds and without trust, changed by compare-and-set. */
@NullMarked
package dev.finetune.operator.progress;

import org.jspecify.annotations.NullMarked;
