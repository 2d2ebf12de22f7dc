package dev.finetune.trainer.chat;

import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** JSON as Python's {@code json.dumps} writes it. */
final class PythonJson {
  private static final int MOST_DEPTH = 70;
  private static final int MOST_INDENT = 16;

  private final StringBuilder text = new StringBuilder();
  private final boolean ascii;
  private final boolean sorted;
  private final String indent;
  private final String itemSeparator;
  private final String keySeparator;

  private PythonJson(Arguments arguments) {
    arguments.allow(4, "ensure_ascii", "indent", "separators", "sort_keys");
    this.ascii = PythonValues.truth(arguments.getOr(0, "ensure_ascii", false));
    Object indentation = arguments.getOr(1, "indent", None.NONE);
    this.indent = indent(indentation);
    Object separators = arguments.getOr(2, "separators", None.NONE);
    this.sorted = PythonValues.truth(arguments.getOr(3, "sort_keys", false));
    if (separators == None.NONE) {
      this.itemSeparator = indentation == None.NONE ? ", " : ",";
      this.keySeparator = ": ";
    } else {
      List<Object> both = PythonValues.items(separators);
      if (both.size() != 2
          || !(both.get(0) instanceof String item)
          || !(both.get(1) instanceof String key)) {
        throw new RenderFailure("argument 'separators' of filter 'tojson' must be two texts");
      }
      this.itemSeparator = item;
      this.keySeparator = key;
    }
  }

  private static String indent(Object indentation) {
    return switch (indentation) {
      case None none -> "";
      case String spaces when spaces.length() <= MOST_INDENT -> "\n" + spaces;
      case Long spaces when spaces >= 0 && spaces <= MOST_INDENT ->
          "\n" + " ".repeat(spaces.intValue());
      default ->
          throw new RenderFailure(
              "argument 'indent' of filter 'tojson' must be 0 to " + MOST_INDENT);
    };
  }

  /** Returns a value as JSON. */
  static String of(Object value, Arguments arguments) {
    PythonJson json = new PythonJson(arguments);
    json.append(value, 0);
    return json.text.toString();
  }

  private void append(Object value, int depth) {
    Rendering.current().charge(4 + (long) depth * indent.length());
    if (depth > MOST_DEPTH) {
      throw new RenderFailure("a value nests too deep for filter 'tojson'");
    }
    switch (value) {
      case String string -> quote(string);
      case SafeText(String string) -> quote(string);
      case Boolean truth -> text.append(truth.booleanValue());
      case None none -> text.append("null");
      case Long number -> text.append(number.longValue());
      case Double number -> text.append(real(number));
      case List<?> list -> items(list, depth);
      case Tuple(List<Object> items) -> items(items, depth);
      case Map<?, ?> map -> entries(map, depth);
      default ->
          throw new RenderFailure("filter 'tojson' cannot write " + PythonValues.describe(value));
    }
  }

  private static String real(double number) {
    if (Double.isNaN(number)) {
      return "NaN";
    }
    if (Double.isInfinite(number)) {
      return number > 0 ? "Infinity" : "-Infinity";
    }
    return PythonRepr.real(number);
  }

  private void items(List<?> list, int depth) {
    if (list.isEmpty()) {
      text.append("[]");
      return;
    }
    text.append('[');
    newLine(depth + 1);
    for (Iterator<?> items = list.iterator(); items.hasNext(); ) {
      append(items.next(), depth + 1);
      separate(items.hasNext(), depth);
    }
    text.append(']');
  }

  private void entries(Map<?, ?> map, int depth) {
    if (map.isEmpty()) {
      text.append("{}");
      return;
    }
    text.append('{');
    newLine(depth + 1);
    Map<?, ?> ordered = sorted ? sortedByKey(map) : map;
    for (Iterator<? extends Map.Entry<?, ?>> entries = ordered.entrySet().iterator();
        entries.hasNext(); ) {
      Map.Entry<?, ?> entry = entries.next();
      quote(key(entry.getKey()));
      text.append(keySeparator);
      append(entry.getValue(), depth + 1);
      separate(entries.hasNext(), depth);
    }
    text.append('}');
  }

  private static Map<String, Object> sortedByKey(Map<?, ?> map) {
    Map<String, Object> ordered = new TreeMap<>(PythonStrings::compare);
    map.forEach(
        (key, value) -> {
          if (!(key instanceof String name)) {
            throw new RenderFailure("sort_keys of filter 'tojson' needs keys that are texts");
          }
          ordered.put(name, value);
        });
    return ordered;
  }

  private static String key(Object key) {
    return switch (key) {
      case String name -> name;
      case Boolean truth -> truth.toString();
      case None none -> "null";
      case Long number -> number.toString();
      case Double number -> real(number);
      default ->
          throw new RenderFailure(
              "filter 'tojson' cannot have a key that is " + PythonValues.describe(key));
    };
  }

  private void separate(boolean more, int depth) {
    if (more) {
      text.append(itemSeparator);
    }
    newLine(more ? depth + 1 : depth);
  }

  private void newLine(int depth) {
    if (!indent.isEmpty()) {
      text.append('\n');
      for (int i = 0; i < depth; i++) {
        text.append(indent, 1, indent.length());
      }
    }
  }

  private void quote(String string) {
    Rendering.current().charge(string.length());
    text.append('"');
    for (int i = 0; i < string.length(); i++) {
      char c = string.charAt(i);
      switch (c) {
        case '"' -> text.append("\\\"");
        case '\\' -> text.append("\\\\");
        case '\n' -> text.append("\\n");
        case '\r' -> text.append("\\r");
        case '\t' -> text.append("\\t");
        case '\b' -> text.append("\\b");
        case '\f' -> text.append("\\f");
        default -> {
          if (c < 0x20 || (ascii && c > 0x7e)) {
            text.append("\\u%04x".formatted((int) c));
          } else {
            text.append(c);
          }
        }
      }
    }
    text.append('"');
  }
}
