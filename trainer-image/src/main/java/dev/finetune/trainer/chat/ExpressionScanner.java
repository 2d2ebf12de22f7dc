package dev.finetune.trainer.chat;

import dev.finetune.trainer.chat.Lexeme.Kind;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/** Cuts what stands inside of an expression or a statement into words, up to its end. */
final class ExpressionScanner {
  private static final List<String> OPERATORS =
      List.of(
          "**", "//", "==", "!=", ">=", "<=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "|", ".",
          ",", ":", "(", ")", "[", "]", "{", "}", ";");

  private final TemplateText place;
  private final String text;
  private final String close;
  private final int firstLine;
  private final List<Lexeme> words = new ArrayList<>();
  private final Deque<Character> open = new ArrayDeque<>();
  private int at;
  private int line;
  private char endSign = ' ';

  /**
   * Makes one.
   *
   * @param at where the inside begins
   * @param close what ends it
   */
  ExpressionScanner(TemplateText place, String text, int at, int line, String close) {
    this.place = place;
    this.text = text;
    this.at = at;
    this.line = line;
    this.firstLine = line;
    this.close = close;
  }

  /** Returns the words. */
  List<Lexeme> scan() {
    while (true) {
      skipBlank();
      if (at >= text.length()) {
        throw place.broken(firstLine, "what begins here must end with " + close + ", does not");
      }
      if (open.isEmpty() && ends()) {
        return words;
      }
      word();
    }
  }

  /** Returns the place after the end. */
  int end() {
    return at;
  }

  /** Returns the sign that stood before the end: minus, plus or a blank. */
  char endSign() {
    return endSign;
  }

  private boolean ends() {
    char sign = text.charAt(at);
    boolean signed = sign == '-' || (sign == '+' && close.equals("%}"));
    if (signed && text.startsWith(close, at + 1)) {
      endSign = sign;
      at += 1 + close.length();
      return true;
    }
    if (text.startsWith(close, at)) {
      at += close.length();
      return true;
    }
    return false;
  }

  private void word() {
    char c = text.charAt(at);
    if (c == '\'' || c == '"') {
      string(c);
    } else if (c >= '0' && c <= '9') {
      number();
    } else if (Character.isLetter(c) || c == '_') {
      int start = at;
      while (at < text.length() && isNamePart(text.charAt(at))) {
        at++;
      }
      add(Kind.NAME, text.substring(start, at));
    } else {
      operator();
    }
  }

  private static boolean isNamePart(char c) {
    return Character.isLetterOrDigit(c) || c == '_';
  }

  private void operator() {
    for (String operator : OPERATORS) {
      if (text.startsWith(operator, at)) {
        balance(operator.charAt(0));
        at += operator.length();
        add(Kind.OPERATOR, operator);
        return;
      }
    }
    throw place.broken(line, "expected an expression, found " + quoted(text.codePointAt(at)));
  }

  private static String quoted(int codePoint) {
    return Character.isISOControl(codePoint)
        ? "a control character"
        : "'" + Character.toString(codePoint) + "'";
  }

  private void balance(char c) {
    switch (c) {
      case '(' -> open.push(')');
      case '[' -> open.push(']');
      case '{' -> open.push('}');
      case ')', ']', '}' -> {
        if (open.isEmpty() || open.pop() != c) {
          throw place.broken(line, "unexpected '" + c + "'");
        }
      }
      default -> {
        // Opens and closes nothing.
      }
    }
  }

  private void number() {
    int start = at;
    digits();
    boolean real = false;
    if (at + 1 < text.length()
        && text.charAt(at) == '.'
        && Character.isDigit(text.charAt(at + 1))) {
      real = true;
      at++;
      digits();
    }
    if (at < text.length() && (text.charAt(at) == 'e' || text.charAt(at) == 'E')) {
      int power = at + 1;
      if (power < text.length() && (text.charAt(power) == '-' || text.charAt(power) == '+')) {
        power++;
      }
      if (power < text.length() && Character.isDigit(text.charAt(power))) {
        real = true;
        at = power;
        digits();
      }
    }
    if (at < text.length() && isNamePart(text.charAt(at))) {
      throw place.unsupported(line, "a number with letters");
    }
    add(real ? Kind.REAL : Kind.INTEGER, text.substring(start, at).replace("_", ""));
  }

  private void digits() {
    while (at < text.length()
        && (Character.digit(text.charAt(at), 10) >= 0
            || (text.charAt(at) == '_'
                && at + 1 < text.length()
                && Character.isDigit(text.charAt(at + 1))))) {
      at++;
    }
  }

  private void string(char quote) {
    int first = line;
    StringBuilder value = new StringBuilder();
    at++;
    while (true) {
      if (at >= text.length()) {
        throw place.broken(first, "a string must end with its quote, does not");
      }
      char c = text.charAt(at++);
      if (c == quote) {
        words.add(new Lexeme(Kind.STRING, value.toString(), first));
        return;
      }
      if (c == '\n') {
        line++;
      }
      if (c == '\\') {
        escape(value);
      } else {
        value.append(c);
      }
    }
  }

  /** Reads an escape as Python does: one that it does not know stays as it is. */
  private void escape(StringBuilder value) {
    char c = at < text.length() ? text.charAt(at++) : ' ';
    switch (c) {
      case 'n' -> value.append('\n');
      case 't' -> value.append('\t');
      case 'r' -> value.append('\r');
      case 'a' -> value.append('\u0007');
      case 'b' -> value.append('\b');
      case 'f' -> value.append('\f');
      case 'v' -> value.append('\u000b');
      case '\\', '\'', '"' -> value.append(c);
      case '\n' -> line++;
      case 'x' -> codePoint(value, 2);
      case 'u' -> codePoint(value, 4);
      case 'U' -> codePoint(value, 8);
      case 'N', '0', '1', '2', '3', '4', '5', '6', '7' ->
          throw place.unsupported(line, "the escape \\" + c + " of a string");
      default -> value.append('\\').append(c);
    }
  }

  private void codePoint(StringBuilder value, int digits) {
    int end = at + digits;
    try {
      int codePoint = Integer.parseInt(text, at, Math.min(end, text.length()), 16);
      if (end > text.length() || !Character.isValidCodePoint(codePoint)) {
        throw place.broken(line, "an escape of a string must be a character");
      }
      value.appendCodePoint(codePoint);
      at = end;
    } catch (NumberFormatException e) {
      throw place.broken(line, "an escape of a string must have " + digits + " digits");
    }
  }

  private void add(Kind kind, String value) {
    words.add(new Lexeme(kind, value, line));
  }

  private void skipBlank() {
    while (at < text.length() && PythonStrings.isSpace(text.charAt(at))) {
      line += text.charAt(at) == '\n' ? 1 : 0;
      at++;
    }
  }
}
