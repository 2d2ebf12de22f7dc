/**
 * The trained low-rank update: parameters, gradients, dropout, and the linear layers that they
 * change.
 */
@NullMarked
package dev.finetune.trainer.lora;

import org.jspecify.annotations.NullMarked;
