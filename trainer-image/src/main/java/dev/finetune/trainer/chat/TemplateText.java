package dev.finetune.trainer.chat;

import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.failure.UnsupportedModel;

/**
 * Where a template came from, for messages.
 *
 * @param source what errors call it
 */
record TemplateText(String source) {
  /** Returns the failure for a template that is no Jinja. */
  UnreadableData broken(int line, String message) {
    return new UnreadableData("%s: line %d: %s".formatted(source, line, message));
  }

  /** Returns the failure for a construct that is Jinja but is not supported. */
  UnsupportedModel unsupported(int line, String construct) {
    return new UnsupportedModel(
        "%s: line %d: %s is not supported in a chat template".formatted(source, line, construct));
  }
}
