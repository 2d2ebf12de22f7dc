/** An adapter merged into the weights of its base model, tensor by tensor. */
@NullMarked
package dev.finetune.trainer.merge;

import org.jspecify.annotations.NullMarked;
