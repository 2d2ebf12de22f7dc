package dev.finetune.trainer.chat;

import java.util.List;

/**
 * A conversation as text.
 *
 * @param text all of it, special tokens spelled out
 * @param generated what the template marks as the assistant's by {@code {% generation %}}, in order
 */
public record RenderedChat(String text, List<TextSpan> generated) {
  /** Keeps an unmodifiable copy of the list. */
  public RenderedChat {
    generated = List.copyOf(generated);
  }
}
