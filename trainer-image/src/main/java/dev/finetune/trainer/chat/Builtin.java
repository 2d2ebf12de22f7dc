package dev.finetune.trainer.chat;

import java.time.LocalDateTime;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** Functions that every template may call. */
enum Builtin {
  RANGE("range"),
  NAMESPACE("namespace"),
  DICT("dict"),
  RAISE_EXCEPTION("raise_exception"),
  STRFTIME_NOW("strftime_now");

  private static final long LONGEST_RANGE = 100_000;
  private static final int LONGEST_MESSAGE = 500;

  private final String callee;

  Builtin(String callee) {
    this.callee = callee;
  }

  /** Returns the name that templates call it by. */
  String callee() {
    return callee;
  }

  /** Calls it. */
  Object call(Object[] values) {
    Arguments given = new Arguments("function '" + callee + "'", values);
    return switch (this) {
      case RANGE -> range(given.allow(3));
      case NAMESPACE -> {
        Namespace namespace = new Namespace();
        dict(given).forEach((key, value) -> namespace.values().put(PythonValues.text(key), value));
        yield namespace;
      }
      case DICT -> dict(given);
      case RAISE_EXCEPTION -> throw refusal(PythonValues.text(given.require(0, "message")));
      case STRFTIME_NOW ->
          format(Rendering.current().now(), given.allow(1).requireText(0, "format"));
    };
  }

  private static RenderFailure refusal(String message) {
    return new RenderFailure(
        "the template refuses the conversation: "
            + message.substring(0, Math.min(message.length(), LONGEST_MESSAGE)));
  }

  private static Map<Object, Object> dict(Arguments given) {
    Map<Object, Object> map = new LinkedHashMap<>();
    for (Object positional : given.positional()) {
      if (!(positional instanceof Map<?, ?> other)) {
        throw new RenderFailure("a dict can be made only of a mapping and named values");
      }
      Rendering.current().charge(other.size());
      map.putAll(other);
    }
    map.putAll(given.named());
    return map;
  }

  private static List<Object> range(Arguments given) {
    List<Object> bounds = given.positional();
    long first = bounds.size() > 1 ? PythonValues.integer(bounds.getFirst()) : 0;
    long end = PythonValues.integer(given.require(bounds.size() > 1 ? 1 : 0, "stop"));
    long by = bounds.size() > 2 ? PythonValues.integer(bounds.get(2)) : 1;
    if (by == 0 || Math.abs(by) > LONGEST_RANGE) {
      throw new RenderFailure("the step of a range must be 1 to " + LONGEST_RANGE);
    }
    List<Object> range = new ArrayList<>();
    for (long i = first; by > 0 ? i < end : i > end; i += by) {
      Rendering.current().charge(4);
      if (range.size() == LONGEST_RANGE) {
        throw new RenderFailure("a range must have at most " + LONGEST_RANGE + " numbers");
      }
      range.add(i);
    }
    return range;
  }

  /** Formats a time by the letters of C's {@code strftime} that templates use. */
  private static String format(LocalDateTime time, String format) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < format.length(); i++) {
      char c = format.charAt(i);
      if (c != '%') {
        text.append(c);
        continue;
      }
      i++;
      boolean bare = i < format.length() && format.charAt(i) == '-';
      i += bare ? 1 : 0;
      String field = field(time, i < format.length() ? format.charAt(i) : ' ');
      text.append(
          bare && field.length() == 2 && field.charAt(0) == '0' ? field.substring(1) : field);
    }
    return text.toString();
  }

  private static String field(LocalDateTime time, char letter) {
    String pattern =
        switch (letter) {
          case 'd' -> "dd";
          case 'm' -> "MM";
          case 'y' -> "yy";
          case 'Y' -> "yyyy";
          case 'b' -> "MMM";
          case 'B' -> "MMMM";
          case 'a' -> "EEE";
          case 'A' -> "EEEE";
          case 'H' -> "HH";
          case 'I' -> "hh";
          case 'M' -> "mm";
          case 'S' -> "ss";
          case 'p' -> "a";
          case 'j' -> "DDD";
          case '%' -> "'%'";
          default ->
              throw new RenderFailure("conversion '%" + letter + "' of a time is not supported");
        };
    return time.format(DateTimeFormatter.ofPattern(pattern, Locale.US));
  }
}
