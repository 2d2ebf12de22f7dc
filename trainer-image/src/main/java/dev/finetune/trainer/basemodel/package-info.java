/**
 * What a frozen base model is: its configuration, its weights and its tokenizer, checked before
 * use.
 */
@NullMarked
package dev.finetune.trainer.basemodel;

import org.jspecify.annotations.NullMarked;
