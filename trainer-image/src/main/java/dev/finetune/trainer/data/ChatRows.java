package dev.finetune.trainer.data;

import dev.finetune.trainer.chat.ChatEncoder;
import dev.finetune.trainer.chat.ChatTokens;
import dev.finetune.trainer.chat.Conversation;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.rows.Row;

/**
 * Rows of conversations.
 *
 * @param encoder what renders and tokenizes them
 */
record ChatRows(ChatEncoder encoder) implements RowFormat {
  @Override
  public Example example(int index, Row row) {
    Conversation conversation = Conversation.of(row.object(), row::broken);
    ChatTokens tokens;
    try {
      tokens = encoder.encode(conversation);
    } catch (UnreadableData e) {
      throw row.broken(String.valueOf(e.getMessage()));
    }
    int[] labels = tokens.ids().clone();
    for (int i = 0; i < labels.length; i++) {
      labels[i] = tokens.learned()[i] ? labels[i] : Example.NOT_SUPERVISED;
    }
    return new Example(index, tokens.ids(), labels);
  }
}
