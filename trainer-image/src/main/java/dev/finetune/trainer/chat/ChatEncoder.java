package dev.finetune.trainer.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.api.spec.LossOn;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.tokenizer.EncodedText;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.util.List;

/**
 * Turns conversations into tokens and says which of them are learned.
 *
 * <p>The rendered text is tokenized once as a whole and nothing is added to it, since a template
 * writes BOS and the ends of turns itself. A token is learned if it begins in a span of the
 * assistant; see {@link AnswerSpans} for those.
 */
public final class ChatEncoder {
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;
  private static final String PROBE = "Probe";

  private final ChatTemplate template;
  private final Tokenizer tokenizer;
  private final LossOn lossOn;
  private final boolean takesParts;

  /**
   * Makes one.
   *
   * @param tokenizer the base model's; stays the caller's
   */
  public ChatEncoder(ChatTemplate template, Tokenizer tokenizer, LossOn lossOn) {
    this.template = template;
    this.tokenizer = tokenizer;
    this.lossOn = lossOn;
    this.takesParts = takesParts(template);
  }

  /**
   * Encodes a conversation.
   *
   * @throws UnreadableData if the template refuses it, or renders it so that the place of an answer
   *     in the text is not certain
   */
  public ChatTokens encode(Conversation conversation) {
    Conversation fitting = takesParts ? conversation : joined(conversation);
    RenderedChat rendered = template.render(fitting.messages(), fitting.tools(), false);
    EncodedText encoded = tokenizer.encodeWithOffsets(rendered.text());
    boolean[] learned = new boolean[encoded.ids().length];
    switch (lossOn) {
      case ALL -> {
        for (int i = 0; i < learned.length; i++) {
          learned[i] = i > 0 || !isBos(encoded.ids()[0]);
        }
      }
      case ANSWERS ->
          mark(
              learned,
              encoded,
              new AnswerSpans(template, tokenizer, fitting, rendered, encoded).spans());
    }
    return new ChatTokens(encoded.ids(), learned);
  }

  private boolean isBos(int id) {
    return tokenizer.bosId().isPresent() && tokenizer.bosId().getAsInt() == id;
  }

  private static void mark(boolean[] learned, EncodedText encoded, List<TextSpan> spans) {
    for (int i = 0; i < learned.length; i++) {
      int start = encoded.starts()[i];
      // A token of no text, as some tokenizers begin with, is the assistant's in no case.
      boolean hasText = encoded.ends()[i] > start;
      learned[i] =
          hasText && spans.stream().anyMatch(span -> span.start() <= start && start < span.end());
    }
  }

  /** A template that takes parts renders one as it renders its text alone. */
  private static boolean takesParts(ChatTemplate template) {
    ArrayNode part =
        NODES.arrayNode().add(NODES.objectNode().put("type", "text").put("text", PROBE));
    ArrayNode parts =
        NODES.arrayNode().add(NODES.objectNode().put("role", "user").set("content", part));
    ArrayNode text =
        NODES.arrayNode().add(NODES.objectNode().put("role", "user").put("content", PROBE));
    try {
      return template
          .render(parts, null, false)
          .text()
          .equals(template.render(text, null, false).text());
    } catch (UnreadableData e) {
      return false;
    }
  }

  private static Conversation joined(Conversation conversation) {
    ArrayNode messages = NODES.arrayNode();
    for (JsonNode message : conversation.messages()) {
      ObjectNode copy = message.deepCopy();
      if (message.path("content").isArray()) {
        StringBuilder text = new StringBuilder();
        message.get("content").forEach(part -> text.append(part.path("text").textValue()));
        copy.put("content", text.toString());
      }
      messages.add(copy);
    }
    return new Conversation(messages, conversation.tools(), conversation.promptMessages());
  }
}
