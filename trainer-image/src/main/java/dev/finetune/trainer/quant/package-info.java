/** How frozen weights are stored: as they are, or in 4-bit NormalFloat. */
@NullMarked
package dev.finetune.trainer.quant;

import org.jspecify.annotations.NullMarked;
