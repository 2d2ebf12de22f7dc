package dev.finetune.trainer.json;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.failure.UnreadableData;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * The fields of one JSON object, each asked for with its type. A field that is absent and one that
 * is null are the same.
 */
public final class JsonFields {
  private final String source;
  private final JsonNode node;

  /**
   * Wraps an object.
   *
   * @param source what to call the object in errors: file and path of fields
   * @throws UnreadableData if the node is not an object
   */
  public JsonFields(String source, JsonNode node) {
    if (!node.isObject()) {
      throw new UnreadableData(source + ": expected a JSON object, found " + describe(node));
    }
    this.source = source;
    this.node = node;
  }

  /** Returns what errors call this object. */
  public String source() {
    return source;
  }

  /** Returns a field as it is, or null if it is absent or null. */
  public @Nullable JsonNode node(String name) {
    JsonNode value = node.get(name);
    return value == null || value.isNull() ? null : value;
  }

  /** Returns whether a field is there and not null. */
  public boolean has(String name) {
    return node(name) != null;
  }

  /** Returns whether a field is there, if only as null. */
  public boolean names(String name) {
    return node.has(name);
  }

  /** Returns an integer that must be there. */
  public int requireInt(String name) {
    JsonNode value = node(name);
    if (value == null) {
      throw new UnreadableData(source + ": field '" + name + "' is missing");
    }
    return integer(name, value);
  }

  /** Returns an integer, or the fallback. */
  public int intOr(String name, int fallback) {
    JsonNode value = node(name);
    return value == null ? fallback : integer(name, value);
  }

  /** Returns an integer if it is there. */
  public OptionalInt optionalInt(String name) {
    JsonNode value = node(name);
    return value == null ? OptionalInt.empty() : OptionalInt.of(integer(name, value));
  }

  /** Returns a number that must be there. */
  public double requireDouble(String name) {
    JsonNode value = node(name);
    if (value == null) {
      throw new UnreadableData(source + ": field '" + name + "' is missing");
    }
    return number(name, value);
  }

  /** Returns a number, or the fallback. */
  public double doubleOr(String name, double fallback) {
    JsonNode value = node(name);
    return value == null ? fallback : number(name, value);
  }

  /** Returns a truth value, or the fallback. */
  public boolean booleanOr(String name, boolean fallback) {
    JsonNode value = node(name);
    if (value == null) {
      return fallback;
    }
    if (!value.isBoolean()) {
      throw wrongType(name, "true or false", value);
    }
    return value.booleanValue();
  }

  /** Returns a string, or null. */
  public @Nullable String text(String name) {
    JsonNode value = node(name);
    if (value == null) {
      return null;
    }
    if (!value.isTextual()) {
      throw wrongType(name, "a string", value);
    }
    return value.textValue();
  }

  /** Returns an object within this one, or null. */
  public @Nullable JsonFields object(String name) {
    JsonNode value = node(name);
    return value == null ? null : new JsonFields(source + ": " + name, value);
  }

  /** Returns the failure for a field of another type than it must have. */
  public UnreadableData wrongType(String name, String expected, JsonNode found) {
    return new UnreadableData(
        "%s: field '%s' must be %s, was %s".formatted(source, name, expected, describe(found)));
  }

  /** Says in a few words what kind of value a node is. */
  public static String describe(JsonNode node) {
    return switch (node.getNodeType()) {
      case STRING -> "a string";
      case NUMBER -> node.isIntegralNumber() ? "the integer " + node : "the number " + node;
      case BOOLEAN -> node.toString();
      case NULL -> "null";
      case ARRAY -> "a list";
      case OBJECT, POJO -> "an object";
      case BINARY -> "bytes";
      case MISSING -> "nothing";
    };
  }

  private int integer(String name, JsonNode value) {
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      throw wrongType(name, "a 32-bit integer", value);
    }
    return value.intValue();
  }

  private double number(String name, JsonNode value) {
    if (!value.isNumber()) {
      throw wrongType(name, "a number", value);
    }
    return value.doubleValue();
  }
}
