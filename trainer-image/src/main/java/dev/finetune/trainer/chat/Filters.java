package dev.finetune.trainer.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/** The filters that a template may use, as Jinja defines them. */
final class Filters {
  /** Their names; another one is refused when the template is read. */
  static final Set<String> NAMES =
      Set.of(
          "abs",
          "capitalize",
          "count",
          "d",
          "default",
          "dictsort",
          "first",
          "indent",
          "int",
          "items",
          "join",
          "last",
          "length",
          "list",
          "lower",
          "map",
          "reject",
          "rejectattr",
          "replace",
          "reverse",
          "safe",
          "select",
          "selectattr",
          "string",
          "tojson",
          "trim",
          "upper");

  private static final int MOST_INDENT = 64;

  private Filters() {}

  /** Applies a filter. */
  static Object apply(String name, Object value, Object[] values) {
    Arguments given = new Arguments("filter '" + name + "'", values);
    if (value instanceof SafeText && !name.equals("safe")) {
      throw PythonValues.safeText();
    }
    return switch (name) {
      case "tojson" -> PythonJson.of(value, given);
      case "default", "d" -> defaulted(value, given);
      case "length", "count" -> PythonValues.length(value);
      case "safe" -> new SafeText(text(value));
      case "string" -> text(value);
      case "int" -> integer(value, given);
      case "abs" -> value instanceof Double number ? (Object) Math.abs(number) : absolute(value);
      case "first", "last", "list", "join", "reverse", "items", "dictsort" ->
          ofItems(name, value, given);
      case "map", "select", "reject", "selectattr", "rejectattr" ->
          ItemFilters.apply(name, value, given);
      default -> ofText(name, text(value), given);
    };
  }

  private static String text(Object value) {
    String text = PythonValues.text(value);
    Rendering.current().charge(text.length());
    return text;
  }

  private static Object defaulted(Object value, Arguments given) {
    given.allow(2, "default_value", "boolean");
    boolean falseToo = PythonValues.truth(given.getOr(1, "boolean", false));
    return value instanceof Undefined || (falseToo && !PythonValues.truth(value))
        ? given.getOr(0, "default_value", "")
        : value;
  }

  private static Object integer(Object value, Arguments given) {
    Object fallback = given.allow(1, "default").getOr(0, "default", 0L);
    if (value instanceof String text) {
      try {
        return Long.valueOf(PythonStrings.strip(text, None.NONE, true, true));
      } catch (NumberFormatException e) {
        if (text.chars().anyMatch(c -> c == '.' || c == '_' || Character.isDigit(c))) {
          throw new RenderFailure("filter 'int' supports only texts of digits");
        }
        return fallback;
      }
    }
    if (value instanceof Double number) {
      if (!(Math.abs(number) < 1L << 53)) {
        throw new RenderFailure("filter 'int' supports only numbers below 2**53");
      }
      return (long) (double) number;
    }
    return PythonValues.isNumber(value) ? PythonValues.integer(value) : fallback;
  }

  private static Object absolute(Object value) {
    long number = PythonValues.integer(value);
    return number < 0 ? Operators.unary("minus", number) : number;
  }

  private static Object ofItems(String name, Object value, Arguments given) {
    return switch (name) {
      case "first", "last" -> {
        given.allow(0);
        List<Object> items = required(name, value);
        yield items.isEmpty()
            ? new Undefined("the " + name + " of nothing")
            : name.equals("first") ? items.getFirst() : items.getLast();
      }
      case "list" -> {
        given.allow(0);
        yield new ArrayList<>(required(name, value));
      }
      case "reverse" -> {
        given.allow(0);
        List<Object> reversed = required(name, value).reversed();
        yield value instanceof String
            ? String.join("", texts(reversed))
            : new ArrayList<>(reversed);
      }
      case "join" -> join(value, given);
      case "items" -> {
        given.allow(0);
        if (value instanceof Undefined) {
          yield List.of();
        }
        yield Methods.entries(mapping(name, value));
      }
      default -> sorted(mapping(name, value), given);
    };
  }

  /** Returns the items of something that has some. */
  static List<Object> required(String name, Object value) {
    return switch (value) {
      case String text -> PythonValues.items(value);
      case List<?> list -> PythonValues.items(value);
      case Tuple tuple -> PythonValues.items(value);
      case Map<?, ?> map -> PythonValues.items(value);
      case Undefined undefined -> List.of();
      default ->
          throw new RenderFailure(
              "filter '%s' needs items, found %s".formatted(name, PythonValues.describe(value)));
    };
  }

  private static Map<?, ?> mapping(String name, Object value) {
    if (value instanceof Map<?, ?> map) {
      return map;
    }
    throw new RenderFailure(
        "filter '%s' needs a mapping, found %s".formatted(name, PythonValues.describe(value)));
  }

  private static List<String> texts(List<Object> values) {
    return values.stream().map(PythonValues::text).toList();
  }

  private static String join(Object value, Arguments given) {
    given.allow(2, "d", "attribute");
    String separator = PythonValues.text(given.getOr(0, "d", ""));
    Object attribute = given.getOr(1, "attribute", None.NONE);
    StringBuilder text = new StringBuilder();
    boolean first = true;
    for (Object item : required("join", value)) {
      Object part = attribute == None.NONE ? item : ItemFilters.attribute(item, attribute);
      if (part instanceof SafeText) {
        throw PythonValues.safeText();
      }
      text.append(first ? "" : separator).append(text(part));
      Rendering.current().charge(separator.length());
      first = false;
    }
    return text.toString();
  }

  /** Sorts a mapping by its keys without regard to case. */
  private static List<Object> sorted(Map<?, ?> map, Arguments given) {
    given.allow(0);
    List<Object> entries = Methods.entries(map);
    for (Object key : map.keySet()) {
      if (!(key instanceof String)) {
        throw new RenderFailure("filter 'dictsort' needs keys that are texts");
      }
    }
    entries.sort(
        (a, b) ->
            PythonStrings.compare(
                key(a).toLowerCase(Locale.ROOT), key(b).toLowerCase(Locale.ROOT)));
    return entries;
  }

  private static String key(Object entry) {
    return (String) ((Tuple) entry).items().getFirst();
  }

  private static Object ofText(String name, String text, Arguments given) {
    return switch (name) {
      case "trim" ->
          PythonStrings.strip(
              text, given.allow(1, "chars").getOr(0, "chars", None.NONE), true, true);
      case "upper" -> text.toUpperCase(Locale.ROOT);
      case "lower" -> text.toLowerCase(Locale.ROOT);
      case "capitalize" -> PythonStrings.capitalize(text);
      case "replace" ->
          PythonStrings.replace(
              text,
              PythonValues.text(given.allow(3, "old", "new", "count").require(0, "old")),
              PythonValues.text(given.require(1, "new")),
              given.intOr(2, "count", -1));
      case "indent" -> indented(text, given);
      default -> throw new IllegalStateException("no filter " + name);
    };
  }

  /** Indents every line but the first and blank ones, unless told otherwise. */
  private static String indented(String text, Arguments given) {
    given.allow(3, "width", "first", "blank");
    Object width = given.getOr(0, "width", 4L);
    String indent =
        width instanceof String spaces
            ? spaces
            : " ".repeat(Math.clamp(PythonValues.integer(width), 0, MOST_INDENT + 1));
    if (indent.length() > MOST_INDENT) {
      throw new RenderFailure("filter 'indent' supports a width of at most " + MOST_INDENT);
    }
    boolean first = PythonValues.truth(given.getOr(1, "first", false));
    boolean blank = PythonValues.truth(given.getOr(2, "blank", false));
    List<Object> lines = PythonStrings.lines(text + "\n");
    StringBuilder result = new StringBuilder();
    for (int i = 0; i < lines.size(); i++) {
      String line = (String) lines.get(i);
      boolean indents = i == 0 ? first : blank || !line.isEmpty();
      Rendering.current().charge(indent.length() + (long) line.length());
      result.append(i == 0 ? "" : "\n").append(indents ? indent : "").append(line);
    }
    return result.toString();
  }
}
