/** What an adapter's files say: PEFT's configuration and the modules that are adapted. */
@NullMarked
package dev.finetune.trainer.adapter;

import org.jspecify.annotations.NullMarked;
