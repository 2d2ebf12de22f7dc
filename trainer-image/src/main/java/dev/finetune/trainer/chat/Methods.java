package dev.finetune.trainer.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.IntPredicate;

/** The methods of Python's texts, mappings and lists that a template may call. */
final class Methods {
  /** Names that are methods of a mapping, not keys, even where there is such a key. */
  static final Set<String> OF_MAPPINGS =
      Set.of(
          "items",
          "keys",
          "values",
          "get",
          "copy",
          "pop",
          "popitem",
          "update",
          "clear",
          "setdefault",
          "fromkeys");

  /** Names that are methods of a text. */
  static final Set<String> OF_TEXTS =
      Set.of(
          "strip",
          "lstrip",
          "rstrip",
          "split",
          "rsplit",
          "splitlines",
          "startswith",
          "endswith",
          "replace",
          "upper",
          "lower",
          "title",
          "capitalize",
          "find",
          "rfind",
          "count",
          "join",
          "isdigit",
          "isalpha",
          "isalnum",
          "isspace",
          "isupper",
          "islower",
          "removeprefix",
          "removesuffix",
          "format",
          "index",
          "encode",
          "zfill",
          "ljust",
          "rjust",
          "center",
          "partition",
          "rpartition",
          "casefold",
          "swapcase",
          "expandtabs",
          "translate");

  private Methods() {}

  /** Calls a method. */
  static Object call(Object of, String name, Object[] values) {
    return switch (of) {
      case String text -> {
        Rendering.current().charge(text.length());
        yield ofText(text, name, new Arguments("method '" + name + "'", values));
      }
      case Map<?, ?> map when OF_MAPPINGS.contains(name) ->
          ofMapping(map, name, new Arguments("method '" + name + "'", values));
      case Undefined(String what) -> throw new RenderFailure("'" + what + "' is not defined");
      case List<?> list -> ofList(list, name, new Arguments("method '" + name + "'", values));
      case Namespace namespace when namespace.values().get(name) instanceof Macro macro ->
          macro.call(values);
      case LoopState loop when name.equals("cycle") -> loop.cycle(values);
      default -> throw unsupported(name, of);
    };
  }

  private static RenderFailure unsupported(String name, Object of) {
    return new RenderFailure(
        "method '%s' of %s is not supported".formatted(name, PythonValues.describe(of)));
  }

  private static Object ofText(String text, String name, Arguments given) {
    return switch (name) {
      case "strip" -> PythonStrings.strip(text, characters(given), true, true);
      case "lstrip" -> PythonStrings.strip(text, characters(given), true, false);
      case "rstrip" -> PythonStrings.strip(text, characters(given), false, true);
      case "split" -> PythonStrings.split(text, separator(given), given.intOr(1, "maxsplit", -1));
      case "rsplit" ->
          PythonStrings.splitFromEnd(text, separator(given), given.intOr(1, "maxsplit", -1));
      case "splitlines" -> {
        given.allow(0);
        yield PythonStrings.lines(text);
      }
      case "startswith" -> isAtEnd(given, text::startsWith);
      case "endswith" -> isAtEnd(given, text::endsWith);
      case "replace" ->
          PythonStrings.replace(
              text,
              given.allow(3, "old", "new", "count").requireText(0, "old"),
              given.requireText(1, "new"),
              given.intOr(2, "count", -1));
      case "find" -> place(text, text.indexOf(part(given)));
      case "rfind" -> place(text, text.lastIndexOf(part(given)));
      case "count" -> PythonStrings.count(text, part(given));
      case "join" -> joined(text, given.allow(1).require(0, "iterable"));
      case "removeprefix" ->
          text.startsWith(part(given)) ? text.substring(part(given).length()) : text;
      case "removesuffix" ->
          text.endsWith(part(given))
              ? text.substring(0, text.length() - part(given).length())
              : text;
      default -> ofTextAlone(text, name, given);
    };
  }

  private static Object ofTextAlone(String text, String name, Arguments given) {
    Object result =
        switch (name) {
          case "upper" -> text.toUpperCase(Locale.ROOT);
          case "lower" -> text.toLowerCase(Locale.ROOT);
          case "title" -> PythonStrings.title(text);
          case "capitalize" -> PythonStrings.capitalize(text);
          case "isdigit" -> all(text, Character::isDigit);
          case "isalpha" -> all(text, Character::isLetter);
          case "isalnum" -> all(text, Character::isLetterOrDigit);
          case "isspace" -> all(text, PythonStrings::isSpace);
          case "isupper" ->
              !text.equals(text.toLowerCase(Locale.ROOT))
                  && text.equals(text.toUpperCase(Locale.ROOT));
          case "islower" ->
              !text.equals(text.toUpperCase(Locale.ROOT))
                  && text.equals(text.toLowerCase(Locale.ROOT));
          default -> throw unsupported(name, text);
        };
    given.allow(0);
    return result;
  }

  private static boolean all(String text, IntPredicate test) {
    return !text.isEmpty() && text.codePoints().allMatch(test);
  }

  private static Object characters(Arguments given) {
    return given.allow(1).getOr(0, "chars", None.NONE);
  }

  private static Object separator(Arguments given) {
    return given.allow(2, "sep", "maxsplit").getOr(0, "sep", None.NONE);
  }

  private static String part(Arguments given) {
    return given.allow(1).requireText(0, "sub");
  }

  private static long place(String text, int at) {
    return at < 0 ? -1 : text.codePointCount(0, at);
  }

  /** Whether a text begins or ends with another. */
  private interface End {
    boolean is(String part);
  }

  private static boolean isAtEnd(Arguments given, End end) {
    Object part = given.allow(1).require(0, "prefix");
    List<Object> parts = part instanceof Tuple(List<Object> items) ? items : List.of(part);
    for (Object one : parts) {
      if (!(one instanceof String text)) {
        throw new RenderFailure(
            "expected a text or a tuple of texts, found " + PythonValues.describe(one));
      }
      if (end.is(text)) {
        return true;
      }
    }
    return false;
  }

  private static String joined(String separator, Object iterable) {
    StringBuilder text = new StringBuilder();
    boolean first = true;
    for (Object item : PythonValues.items(iterable)) {
      if (!(item instanceof String part)) {
        throw new RenderFailure("method 'join' needs texts, found " + PythonValues.describe(item));
      }
      Rendering.current().charge(part.length() + (long) separator.length());
      text.append(first ? "" : separator).append(part);
      first = false;
    }
    return text.toString();
  }

  private static Object ofMapping(Map<?, ?> map, String name, Arguments given) {
    Rendering.current().charge(map.size());
    return switch (name) {
      case "get" -> {
        given.allow(2, "default");
        Object value = map.get(given.require(0, "key"));
        yield value == null ? given.getOr(1, "default", None.NONE) : value;
      }
      case "items" -> {
        given.allow(0);
        yield entries(map);
      }
      case "keys" -> {
        given.allow(0);
        yield new ArrayList<Object>(map.keySet());
      }
      case "values" -> {
        given.allow(0);
        yield new ArrayList<Object>(map.values());
      }
      default -> throw unsupported(name, map);
    };
  }

  /** Returns the keys of a mapping, each with its value. */
  static List<Object> entries(Map<?, ?> map) {
    List<Object> entries = new ArrayList<>(map.size());
    map.forEach((key, value) -> entries.add(new Tuple(List.of(key, value))));
    return entries;
  }

  private static Object ofList(List<?> list, String name, Arguments given) {
    return switch (name) {
      case "count" -> {
        long count = 0;
        Object wanted = given.allow(1).require(0, "value");
        for (Object item : list) {
          count += PythonValues.equal(item, wanted) ? 1 : 0;
        }
        yield count;
      }
      case "index" -> {
        Object wanted = given.allow(1).require(0, "value");
        for (int i = 0; i < list.size(); i++) {
          if (PythonValues.equal(list.get(i), wanted)) {
            yield (long) i;
          }
        }
        throw new RenderFailure("method 'index' of a list: the value is not in it");
      }
      default -> throw unsupported(name, list);
    };
  }
}
