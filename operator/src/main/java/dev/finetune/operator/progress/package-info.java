/** What a run says about itself in object storage, read with bounds and without trust. */
@NullMarked
package dev.finetune.operator.progress;

import org.jspecify.annotations.NullMarked;
