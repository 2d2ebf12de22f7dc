/** Measures the trainer side by side with PEFT: same rows, same weights, same first adapter. */
@NullMarked
package dev.finetune.bench;

import org.jspecify.annotations.NullMarked;
