package dev.finetune.trainer.chat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.json.JsonFields;
import dev.finetune.trainer.json.JsonFile;
import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/**
 * A row of chat data in the one shape that templates know: messages with a role and a content.
 *
 * <p>It is read from {@code messages}, from {@code conversations} as ShareGPT has them, or from
 * {@code prompt} and {@code completion} that are lists of messages; and from {@code tools}, a list
 * or JSON text of one.
 *
 * @param messages at least one
 * @param tools list of tools, or null
 * @param promptMessages how many messages at the start are never learned
 */
public record Conversation(ArrayNode messages, @Nullable JsonNode tools, int promptMessages) {
  /** Each answer is found by rendering all messages again. */
  private static final int MOST_MESSAGES = 512;

  private static final Set<String> ROLES =
      Set.of("system", "developer", "user", "assistant", "tool", "ipython", "function");
  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  /**
   * Reads a row.
   *
   * @param broken makes the failure for what is wrong with the row
   * @throws UnreadableData as {@code broken} makes it; names the message and the field
   */
  public static Conversation of(JsonNode row, Function<String, UnreadableData> broken) {
    return new Reading(row, broken).conversation();
  }

  /** Reads one row. */
  private record Reading(JsonNode row, Function<String, UnreadableData> broken) {
    Conversation conversation() {
      if (!row.isObject()) {
        throw broken.apply("expected a JSON object, found " + JsonFields.describe(row));
      }
      ArrayNode messages = NODES.arrayNode();
      if (has("system") && !isBlank(row.get("system"))) {
        messages.add(message("system", text("row", (ObjectNode) row, "system")));
      }
      int prompt = 0;
      if (has("messages")) {
        addAll(messages, "messages");
      } else if (has("conversations")) {
        addAll(messages, "conversations");
      } else if (has("prompt") && has("completion")) {
        addAll(messages, "prompt");
        prompt = messages.size();
        addAll(messages, "completion");
      } else {
        throw broken.apply(
            "expected field 'messages', 'conversations', or 'prompt' and 'completion'");
      }
      if (messages.isEmpty() || messages.size() > MOST_MESSAGES) {
        throw broken.apply(
            "expected 1 to %d messages, found %d".formatted(MOST_MESSAGES, messages.size()));
      }
      return new Conversation(messages, tools(), prompt);
    }

    private boolean has(String name) {
      return row.hasNonNull(name);
    }

    private void addAll(ArrayNode messages, String name) {
      JsonNode list = row.get(name);
      if (!list.isArray()) {
        throw broken.apply(
            "field '%s' must be a list of messages, was %s"
                .formatted(name, JsonFields.describe(list)));
      }
      for (int i = 0; i < list.size(); i++) {
        messages.add(message("%s[%d]".formatted(name, i), list.get(i)));
      }
    }

    private ObjectNode message(String place, JsonNode message) {
      if (!(message instanceof ObjectNode object)) {
        throw broken.apply(place + " must be an object, was " + JsonFields.describe(message));
      }
      if (object.has("from")) {
        return shareGpt(place, object);
      }
      String role = text(place, object, "role");
      if (!ROLES.contains(role)) {
        throw broken.apply(
            "%s: field 'role' must be one of %s, was '%s'"
                .formatted(place, ROLES.stream().sorted().toList(), shortened(role)));
      }
      boolean calls = object.hasNonNull("tool_calls");
      if (!object.hasNonNull("content") && !calls) {
        throw broken.apply(place + ": field 'content' is missing");
      }
      ObjectNode copy = object.deepCopy();
      if (object.hasNonNull("content")) {
        checkContent(place, object.get("content"));
      } else {
        copy.put("content", "");
      }
      if (calls) {
        copy.set("tool_calls", calls(place + ": field 'tool_calls'", object.get("tool_calls")));
      }
      return copy;
    }

    private void checkContent(String place, JsonNode content) {
      if (content.isTextual()) {
        return;
      }
      if (!content.isArray()) {
        throw broken.apply(
            "%s: field 'content' must be a string or a list of text parts, was %s"
                .formatted(place, JsonFields.describe(content)));
      }
      for (int i = 0; i < content.size(); i++) {
        JsonNode part = content.get(i);
        if (!part.path("type").asText().equals("text") || !part.path("text").isTextual()) {
          throw broken.apply(
              "%s: field 'content'[%d] must be a part of type 'text' with a text"
                  .formatted(place, i));
        }
      }
    }

    /** Arguments in JSON text become what the text says, as templates write them as JSON. */
    private ArrayNode calls(String place, JsonNode calls) {
      if (!(calls instanceof ArrayNode list)) {
        throw broken.apply(place + " must be a list, was " + JsonFields.describe(calls));
      }
      ArrayNode copies = NODES.arrayNode();
      for (JsonNode call : list) {
        JsonNode copy = call.deepCopy();
        JsonNode function = copy.has("function") ? copy.get("function") : copy;
        if (!(function instanceof ObjectNode object) || !object.path("name").isTextual()) {
          throw broken.apply(place + " must have calls of functions with a name");
        }
        if (object.path("arguments").isTextual()) {
          object.set("arguments", parsed(place + ": arguments", object.get("arguments")));
        }
        copies.add(copy);
      }
      return copies;
    }

    private ObjectNode shareGpt(String place, ObjectNode turn) {
      String from = text(place, turn, "from");
      String value = text(place, turn, "value");
      return switch (from) {
        case "human", "user" -> message("user", value);
        case "gpt", "chatgpt", "assistant", "model" -> message("assistant", value);
        case "system" -> message("system", value);
        case "observation", "tool" -> message("tool", value);
        case "function_call" -> {
          JsonNode parsed = parsed(place + ": field 'value'", turn.get("value"));
          ArrayNode calls = parsed instanceof ArrayNode list ? list : NODES.arrayNode().add(parsed);
          ArrayNode wrapped = NODES.arrayNode();
          for (JsonNode call : calls(place + ": field 'value'", calls)) {
            wrapped.add(NODES.objectNode().put("type", "function").set("function", call));
          }
          ObjectNode message = message("assistant", "");
          message.set("tool_calls", wrapped);
          yield message;
        }
        default ->
            throw broken.apply(
                "%s: field 'from' must be one of %s, was '%s'"
                    .formatted(
                        place,
                        List.of("human", "gpt", "system", "observation", "function_call", "tool"),
                        shortened(from)));
      };
    }

    private static ObjectNode message(String role, String content) {
      return NODES.objectNode().put("role", role).put("content", content);
    }

    private @Nullable JsonNode tools() {
      JsonNode tools = row.path("tools");
      if (tools.isMissingNode() || tools.isNull() || isBlank(tools)) {
        return null;
      }
      JsonNode list = tools.isTextual() ? parsed("field 'tools'", tools) : tools;
      if (!list.isArray()) {
        throw broken.apply(
            "field 'tools' must be a list, or JSON text of one, was " + JsonFields.describe(list));
      }
      return list.isEmpty() ? null : list;
    }

    private static boolean isBlank(JsonNode node) {
      return node.isTextual() && node.textValue().isBlank();
    }

    private JsonNode parsed(String place, JsonNode text) {
      try {
        return JsonFile.parse(place, text.textValue());
      } catch (UnreadableData e) {
        throw broken.apply(String.valueOf(e.getMessage()));
      }
    }

    private String text(String place, ObjectNode object, String name) {
      JsonNode value = object.path(name);
      if (!value.isTextual()) {
        throw broken.apply(
            "%s: field '%s' must be a string, was %s"
                .formatted(place, name, JsonFields.describe(value)));
      }
      return value.textValue();
    }

    private static String shortened(String text) {
      return text.length() <= 40 ? text : text.substring(0, 40) + "...";
    }
  }
}
