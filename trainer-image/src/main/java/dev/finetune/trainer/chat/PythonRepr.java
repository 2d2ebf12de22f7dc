package dev.finetune.trainer.chat;

import java.math.BigDecimal;
import java.util.Iterator;
import java.util.List;
import java.util.Map;

/** How Python prints values that are no text. */
final class PythonRepr {
  private static final int MOST_DEPTH = 70;

  private final StringBuilder text = new StringBuilder();

  private PythonRepr() {}

  /** Returns a value as {@code repr} prints it. */
  static String of(Object value) {
    PythonRepr repr = new PythonRepr();
    repr.append(value, 0);
    return repr.text.toString();
  }

  private void append(Object value, int depth) {
    Rendering.current().charge(4);
    if (depth > MOST_DEPTH) {
      throw new RenderFailure("a value nests too deep to be printed");
    }
    switch (value) {
      case String string -> quote(string);
      case Boolean truth -> text.append(truth ? "True" : "False");
      case None none -> text.append("None");
      case Long number -> text.append(number.longValue());
      case Double number -> text.append(real(number));
      case List<?> list -> items("[", list, "]", depth);
      case Tuple(List<Object> items) -> items("(", items, items.size() == 1 ? ",)" : ")", depth);
      case Map<?, ?> map -> entries(map, depth);
      default ->
          throw new RenderFailure("printing " + PythonValues.describe(value) + " is not supported");
    }
  }

  private void items(String open, List<?> list, String close, int depth) {
    text.append(open);
    for (Iterator<?> items = list.iterator(); items.hasNext(); ) {
      append(items.next(), depth + 1);
      text.append(items.hasNext() ? ", " : "");
    }
    text.append(close);
  }

  private void entries(Map<?, ?> map, int depth) {
    text.append('{');
    for (Iterator<? extends Map.Entry<?, ?>> entries = map.entrySet().iterator();
        entries.hasNext(); ) {
      Map.Entry<?, ?> entry = entries.next();
      append(entry.getKey(), depth + 1);
      text.append(": ");
      append(entry.getValue(), depth + 1);
      text.append(entries.hasNext() ? ", " : "");
    }
    text.append('}');
  }

  /** Returns a number as Python does: the fewest digits, a power from 1e16 on and below 1e-4. */
  static String real(double number) {
    if (Double.isNaN(number)) {
      return "nan";
    }
    if (Double.isInfinite(number)) {
      return number > 0 ? "inf" : "-inf";
    }
    if (number == 0) {
      return 1 / number > 0 ? "0.0" : "-0.0";
    }
    BigDecimal exact = new BigDecimal(Double.toString(number)).stripTrailingZeros();
    int exponent = exact.precision() - exact.scale() - 1;
    if (exponent >= -4 && exponent < 16) {
      String plain = exact.toPlainString();
      return plain.contains(".") ? plain : plain + ".0";
    }
    String digits = exact.unscaledValue().abs().toString();
    String mantissa = digits.length() == 1 ? digits : digits.charAt(0) + "." + digits.substring(1);
    return "%s%se%s%02d"
        .formatted(number < 0 ? "-" : "", mantissa, exponent < 0 ? "-" : "+", Math.abs(exponent));
  }

  private void quote(String string) {
    Rendering.current().charge(string.length());
    char quote = string.indexOf('\'') >= 0 && string.indexOf('"') < 0 ? '"' : '\'';
    text.append(quote);
    string.codePoints().forEach(c -> appendEscaped(c, quote));
    text.append(quote);
  }

  private void appendEscaped(int c, char quote) {
    switch (c) {
      case '\n' -> text.append("\\n");
      case '\r' -> text.append("\\r");
      case '\t' -> text.append("\\t");
      case '\\' -> text.append("\\\\");
      default -> {
        if (c == quote) {
          text.append('\\').append(quote);
        } else if (isPrintable(c)) {
          text.appendCodePoint(c);
        } else if (c < 0x100) {
          text.append("\\x%02x".formatted(c));
        } else if (c < 0x10000) {
          text.append("\\u%04x".formatted(c));
        } else {
          text.append("\\U%08x".formatted(c));
        }
      }
    }
  }

  private static boolean isPrintable(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      case Character.SPACE_SEPARATOR -> c == ' ';
      default -> true;
    };
  }
}
