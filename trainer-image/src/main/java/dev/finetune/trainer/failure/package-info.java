/** The ways in which a run ends short of an adapter, by whose fault it is. */
@NullMarked
package dev.finetune.trainer.failure;

import org.jspecify.annotations.NullMarked;
