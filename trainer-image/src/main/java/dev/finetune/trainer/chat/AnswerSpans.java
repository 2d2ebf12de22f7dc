package dev.finetune.trainer.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.tokenizer.EncodedText;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;

/**
 * Finds what the assistant says in a rendered conversation.
 *
 * <p>A template that marks it by {@code {% generation %}} has said so. Of another one:
 *
 * <ul>
 *   <li>an answer begins where the conversation before it ends, rendered with the prompt to answer.
 *       That text must be how the whole begins, or the row is refused;
 *   <li>it ends where the text goes on alike whatever the answer is: the conversation is rendered
 *       again with another content, and both texts are compared from their ends;
 *   <li>the token that ends the turn is learned: the special token that follows, perhaps after
 *       white space.
 * </ul>
 *
 * <p>Nothing is searched for by its spelling, which a content could imitate.
 */
final class AnswerSpans {
  private final ChatTemplate template;
  private final Tokenizer tokenizer;
  private final Conversation conversation;
  private final RenderedChat rendered;
  private final EncodedText encoded;
  private final String text;

  /**
   * Makes one.
   *
   * @param rendered the conversation without a prompt to answer
   * @param encoded its tokens
   */
  AnswerSpans(
      ChatTemplate template,
      Tokenizer tokenizer,
      Conversation conversation,
      RenderedChat rendered,
      EncodedText encoded) {
    this.template = template;
    this.tokenizer = tokenizer;
    this.conversation = conversation;
    this.rendered = rendered;
    this.encoded = encoded;
    this.text = rendered.text();
  }

  /** Returns the spans in their order. */
  List<TextSpan> spans() {
    if (template.marksGenerated()) {
      int learnedFrom = conversation.promptMessages() == 0 ? 0 : promptEnd();
      return rendered.generated().stream().filter(span -> span.start() >= learnedFrom).toList();
    }
    List<TextSpan> spans = new ArrayList<>();
    for (int i = conversation.promptMessages(); i < conversation.messages().size(); i++) {
      JsonNode message = conversation.messages().get(i);
      if (message.path("role").asText().equals("assistant")) {
        int start = start(i);
        spans.add(new TextSpan(start, end(i, message, start)));
      }
    }
    return spans;
  }

  /** Where the messages of the prompt end; an answer that is learned begins at or after it. */
  private int promptEnd() {
    String prompt = render(conversation.promptMessages(), false);
    if (!text.startsWith(prompt)) {
      throw refused(conversation.promptMessages());
    }
    return prompt.length();
  }

  private int start(int message) {
    String before = message == 0 ? "" : render(message, true);
    if (message > 0 && text.startsWith(before)) {
      return before.length();
    }
    throw refused(message);
  }

  private UnreadableData refused(int message) {
    return new UnreadableData(
        ("messages[%d]: where the answer begins is not certain, since %s renders what stands before"
                + " it otherwise than alone; use a chatTemplate with {%% generation %%}")
            .formatted(message, template.source()));
  }

  private String render(int messages, boolean prompt) {
    ArrayNode first = conversation.messages().arrayNode();
    for (int i = 0; i < messages; i++) {
      first.add(conversation.messages().get(i));
    }
    return template.render(first, conversation.tools(), prompt).text();
  }

  private int end(int index, JsonNode message, int start) {
    if (message.hasNonNull("tool_calls")) {
      return endOfCalls(index, start);
    }
    String marker = marker();
    ArrayNode changed = conversation.messages().deepCopy();
    ((ObjectNode) changed.get(index)).put("content", marker);
    String other = template.render(changed, conversation.tools(), false).text();
    int same = 0;
    while (same < Math.min(text.length(), other.length())
        && text.charAt(text.length() - 1 - same) == other.charAt(other.length() - 1 - same)) {
      same++;
    }
    int end = text.length() - same;
    if (end < start || !other.startsWith(marker, other.length() - same - marker.length())) {
      throw new UnreadableData(
          ("messages[%d]: where the answer ends is not certain, since %s renders what follows it"
                  + " otherwise for another answer; use a chatTemplate with {%% generation %%}")
              .formatted(index, template.source()));
    }
    return endOfTurn(end);
  }

  /** The text up to the end of a message that calls tools, which must be how the whole begins. */
  private int endOfCalls(int index, int start) {
    String through = render(index + 1, false);
    if (!text.startsWith(through) || through.length() < start) {
      throw refused(index + 1);
    }
    int end = through.length();
    int last = -1;
    for (int i = 0; i < encoded.ids().length; i++) {
      if (encoded.starts()[i] >= start
          && encoded.ends()[i] <= end
          && tokenizer.isSpecial(encoded.ids()[i])) {
        last = i;
      }
    }
    boolean nothingFollows =
        last >= 0 && PythonStrings.isBlank(text.substring(encoded.ends()[last], end));
    return nothingFollows ? encoded.ends()[last] : end;
  }

  /** Returns the place after the special token that follows a place, if one does. */
  private int endOfTurn(int end) {
    for (int i = 0; i < encoded.ids().length; i++) {
      if (encoded.starts()[i] < end || encoded.ends()[i] == encoded.starts()[i]) {
        continue;
      }
      if (tokenizer.isSpecial(encoded.ids()[i])) {
        return encoded.ends()[i];
      }
      if (!PythonStrings.isBlank(text.substring(encoded.starts()[i], encoded.ends()[i]))) {
        return end;
      }
    }
    return end;
  }

  /** Returns a text of a character that the conversation has not. */
  private String marker() {
    String all = conversation.messages().toString();
    for (char c = '\ue000'; c < '\uf8ff'; c++) {
      if (all.indexOf(c) < 0 && text.indexOf(c) < 0) {
        return String.valueOf(c).repeat(2);
      }
    }
    throw new UnreadableData("a conversation must not have every character for private use");
  }
}
