/** The loss of language modelling at supervised positions only. */
@NullMarked
package dev.finetune.trainer.loss;

import org.jspecify.annotations.NullMarked;
