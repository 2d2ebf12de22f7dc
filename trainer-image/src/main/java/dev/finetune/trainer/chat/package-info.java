/** Chat templates: how a conversation becomes the text that a model was trained on. */
@NullMarked
package dev.finetune.trainer.chat;

import org.jspecify.annotations.NullMarked;
