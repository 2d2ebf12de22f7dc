/**
 * A run in object storage: who owns it, what it resolved, its checkpoints and its adapter. Storage
 * is the only truth; every change is one compare-and-set of {@code head.json}.
 */
@NullMarked
package dev.finetune.trainer.run;

import org.jspecify.annotations.NullMarked;
