/** Observe, decide, act: the loop that brings a FineTuneJob to its end. */
@NullMarked
package dev.finetune.operator.reconcile;

import org.jspecify.annotations.NullMarked;
