/** The decoder: forward and backward passes over a flat row of tokens, written by hand. */
@NullMarked
package dev.finetune.trainer.model;

import org.jspecify.annotations.NullMarked;
