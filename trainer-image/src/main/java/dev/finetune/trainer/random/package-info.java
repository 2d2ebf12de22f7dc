/** Random numbers as functions of what they are for. */
@NullMarked
package dev.finetune.trainer.random;

import org.jspecify.annotations.NullMarked;
