/** Text to token ids and back, by the tokenizer that a base model brings. */
@NullMarked
package dev.finetune.trainer.tokenizer;

import org.jspecify.annotations.NullMarked;
