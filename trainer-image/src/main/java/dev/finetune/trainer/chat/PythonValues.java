package dev.finetune.trainer.chat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The values of a template and what Python's operators do with them: {@code String}, {@code Long},
 * {@code Double}, {@code Boolean}, {@code List}, {@code Map}, {@link Tuple}, {@link None}, {@link
 * Undefined}, {@link Namespace}, {@link SafeText} and {@link Macro}.
 */
final class PythonValues {
  private PythonValues() {}

  /** Returns JSON as such values. */
  static Object of(JsonNode node) {
    return switch (node.getNodeType()) {
      case STRING -> node.textValue();
      case BOOLEAN -> node.booleanValue();
      case NULL, MISSING -> None.NONE;
      case NUMBER -> number(node);
      case ARRAY -> {
        List<Object> list = new ArrayList<>(node.size());
        node.forEach(item -> list.add(of(item)));
        yield list;
      }
      case OBJECT -> {
        Map<Object, Object> map = new LinkedHashMap<>();
        node.properties().forEach(field -> map.put(field.getKey(), of(field.getValue())));
        yield map;
      }
      case BINARY, POJO -> throw new RenderFailure("expected JSON");
    };
  }

  private static Object number(JsonNode node) {
    if (!node.isIntegralNumber()) {
      return node.doubleValue();
    }
    if (!node.canConvertToLong()) {
      throw new RenderFailure("an integer of more than 64 bits is not supported, was " + node);
    }
    return node.longValue();
  }

  /** Returns whether a value counts as true. */
  static boolean truth(Object value) {
    return switch (value) {
      case Boolean truth -> truth;
      case String text -> !text.isEmpty();
      case Long number -> number != 0;
      case Double number -> number != 0;
      case List<?> list -> !list.isEmpty();
      case Tuple(List<Object> items) -> !items.isEmpty();
      case Map<?, ?> map -> !map.isEmpty();
      case SafeText(String text) -> !text.isEmpty();
      case None none -> false;
      case Undefined undefined -> false;
      default -> true;
    };
  }

  /** Returns whether two values are equal. */
  static boolean equal(Object a, Object b) {
    if (isNumber(a) && isNumber(b)) {
      return compareNumbers(a, b) == 0;
    }
    Rendering.current().charge(8);
    return switch (a) {
      case Undefined undefined -> b instanceof Undefined;
      case List<?> list -> b instanceof List<?> other && equalItems(list, other);
      case Tuple(List<Object> items) ->
          b instanceof Tuple(List<Object> others) && equalItems(items, others);
      case Map<?, ?> map -> b instanceof Map<?, ?> other && equalEntries(map, other);
      case SafeText text -> throw safeText();
      default -> a.equals(b);
    };
  }

  private static boolean equalItems(List<?> a, List<?> b) {
    if (a.size() != b.size()) {
      return false;
    }
    for (int i = 0; i < a.size(); i++) {
      if (!equal(a.get(i), b.get(i))) {
        return false;
      }
    }
    return true;
  }

  private static boolean equalEntries(Map<?, ?> a, Map<?, ?> b) {
    if (a.size() != b.size()) {
      return false;
    }
    for (Map.Entry<?, ?> entry : a.entrySet()) {
      Object other = b.get(entry.getKey());
      if (other == null || !equal(entry.getValue(), other)) {
        return false;
      }
    }
    return true;
  }

  /** Returns the order of two values, which must be of one kind. */
  static int compare(Object a, Object b) {
    if (isNumber(a) && isNumber(b)) {
      return compareNumbers(a, b);
    }
    if (a instanceof String left && b instanceof String right) {
      return PythonStrings.compare(left, right);
    }
    throw new RenderFailure("%s and %s cannot be ordered".formatted(describe(a), describe(b)));
  }

  private static int compareNumbers(Object a, Object b) {
    if (a instanceof Double || b instanceof Double) {
      return Double.compare(real(a) + 0.0, real(b) + 0.0);
    }
    return Long.compare(integer(a), integer(b));
  }

  /** Returns whether a value is a number; as in Python, true and false are. */
  static boolean isNumber(Object value) {
    return value instanceof Long || value instanceof Double || value instanceof Boolean;
  }

  /** Returns an integer, for which true is 1. */
  static long integer(Object value) {
    return switch (value) {
      case Long number -> number;
      case Boolean truth -> truth ? 1 : 0;
      default -> throw new RenderFailure("expected an integer, found " + describe(value));
    };
  }

  /** Returns a number as a real one. */
  static double real(Object value) {
    return value instanceof Double number ? number : integer(value);
  }

  /** Returns how many items a value has. */
  static long length(Object value) {
    return switch (value) {
      case String text -> text.codePointCount(0, text.length());
      case List<?> list -> list.size();
      case Tuple(List<Object> items) -> items.size();
      case Map<?, ?> map -> map.size();
      case Undefined undefined -> 0;
      default -> throw new RenderFailure(describe(value) + " has no length");
    };
  }

  /** Returns the items that a loop over a value visits. */
  static List<Object> items(Object value) {
    Rendering.current().charge(length(value));
    return switch (value) {
      case String text -> PythonStrings.characters(text);
      case List<?> list -> List.copyOf(list);
      case Tuple(List<Object> items) -> items;
      case Map<?, ?> map -> List.copyOf(map.keySet());
      default -> List.of();
    };
  }

  /** Returns what stands between double braces as text. */
  static String text(Object value) {
    return switch (value) {
      case String text -> text;
      case SafeText(String text) -> text;
      case Undefined undefined -> "";
      default -> PythonRepr.of(value);
    };
  }

  /** Says what kind of value it is. */
  static String describe(Object value) {
    return switch (value) {
      case String text -> "a text";
      case Boolean truth -> truth ? "True" : "False";
      case Long number -> "the integer " + number;
      case Double number -> "the number " + number;
      case List<?> list -> "a list";
      case Tuple tuple -> "a tuple";
      case Map<?, ?> map -> "a mapping";
      case None none -> "None";
      case Undefined(String what) -> "'" + what + "', which is not defined";
      case Namespace namespace -> "a namespace";
      case SafeText text -> "a text marked safe";
      case Macro macro -> "a macro";
      default -> "a function";
    };
  }

  /**
   * Returns the failure for anything but printing a safe text, which would escape what it meets.
   */
  static RenderFailure safeText() {
    return new RenderFailure("filter 'safe' is supported only for what is printed at once");
  }
}
