package dev.finetune.trainer.chat;

import java.util.ArrayList;
import java.util.List;

/**
 * Cuts a template into pieces with the white space rules that transformers renders with: {@code
 * trim_blocks} (the line feed after a statement or comment goes), {@code lstrip_blocks} (so do
 * blanks before one that begins its line), {@code -} and {@code +} at either end, and one line feed
 * at the end of the template goes.
 *
 * @see <a href="https://jinja.palletsprojects.com/en/stable/templates/#whitespace-control">Jinja,
 *     whitespace control</a>
 */
final class TemplateScanner {
  private static final String EXPRESSION = "{{";
  private static final String STATEMENT = "{%";
  private static final String COMMENT = "{#";

  private final TemplateText place;
  private final String text;
  private final List<Piece> pieces = new ArrayList<>();
  private int at;
  private int line = 1;
  private boolean lineStarts = true;

  private TemplateScanner(TemplateText place, String text) {
    this.place = place;
    this.text = text;
  }

  /** Cuts a template into pieces. */
  static List<Piece> scan(TemplateText place, String template) {
    String text = template.replace("\r\n", "\n").replace('\r', '\n');
    if (text.endsWith("\n")) {
      text = text.substring(0, text.length() - 1);
    }
    TemplateScanner scanner = new TemplateScanner(place, text);
    scanner.scan();
    return scanner.pieces;
  }

  private void scan() {
    while (at < text.length()) {
      int begin = nextBegin();
      if (begin < 0) {
        addText(text.substring(at));
        return;
      }
      String kind = text.substring(begin, begin + 2);
      addText(before(begin, !kind.equals(EXPRESSION)));
      move(begin + 2);
      if (at < text.length() && isSign(text.charAt(at), kind)) {
        move(at + 1);
      }
      switch (kind) {
        case COMMENT -> comment();
        case EXPRESSION -> inside("}}");
        default -> statement();
      }
      lineStarts = at > 0 && text.charAt(at - 1) == '\n';
    }
  }

  private static boolean isSign(char c, String kind) {
    return c == '-' || (c == '+' && !kind.equals(EXPRESSION));
  }

  private int nextBegin() {
    for (int i = text.indexOf('{', at); i >= 0; i = text.indexOf('{', i + 1)) {
      if (text.startsWith(EXPRESSION, i)
          || text.startsWith(STATEMENT, i)
          || text.startsWith(COMMENT, i)) {
        return i;
      }
    }
    return -1;
  }

  /** Returns the text up to a place where something begins, without what that strips. */
  private String before(int begin, boolean strips) {
    String before = text.substring(at, begin);
    char sign = begin + 2 < text.length() ? text.charAt(begin + 2) : ' ';
    if (sign == '-') {
      return PythonStrings.stripEnd(before);
    }
    if (sign == '+' || !strips) {
      return before;
    }
    int lineStart = before.lastIndexOf('\n') + 1;
    boolean begins = lineStart > 0 || lineStarts;
    return begins && PythonStrings.isBlank(before.substring(lineStart))
        ? before.substring(0, lineStart)
        : before;
  }

  private void comment() {
    int start = at;
    int end = text.indexOf("#}", at);
    if (end < 0) {
      throw place.broken(line, "a comment must end with #}, does not");
    }
    char sign = end > start ? text.charAt(end - 1) : ' ';
    move(end + 2);
    afterBlock(sign);
  }

  private void statement() {
    int first = line;
    List<Lexeme> words = inside("%}");
    if (!words.isEmpty() && words.getFirst().isName("raw") && words.size() == 1) {
      pieces.removeLast();
      raw(first);
    }
  }

  /** Reads what stands inside of an expression or statement and what its end strips. */
  private List<Lexeme> inside(String end) {
    int first = line;
    ExpressionScanner scanner = new ExpressionScanner(place, text, at, line, end);
    List<Lexeme> words = scanner.scan();
    move(scanner.end());
    pieces.add(
        end.equals("}}") ? new Piece.Print(words, first) : new Piece.Statement(words, first));
    if (end.equals("}}")) {
      if (scanner.endSign() == '-') {
        skipBlank();
      }
    } else {
      boolean raw = words.size() == 1 && words.getFirst().isName("raw");
      if (!raw || scanner.endSign() == '-') {
        afterBlock(scanner.endSign());
      }
    }
    return words;
  }

  private void afterBlock(char sign) {
    if (sign == '-') {
      skipBlank();
    } else if (sign != '+' && at < text.length() && text.charAt(at) == '\n') {
      move(at + 1);
    }
  }

  /** Reads text up to the statement that ends it. */
  private void raw(int first) {
    for (int i = text.indexOf(STATEMENT, at); i >= 0; i = text.indexOf(STATEMENT, i + 2)) {
      int word = i + 2;
      if (word < text.length() && isSign(text.charAt(word), STATEMENT)) {
        word++;
      }
      word = blanksEnd(word);
      if (!text.startsWith("endraw", word)) {
        continue;
      }
      int close = blanksEnd(word + "endraw".length());
      char sign = close < text.length() ? text.charAt(close) : ' ';
      int end = sign == '-' || sign == '+' ? close + 1 : close;
      if (text.startsWith("%}", end)) {
        lineStarts = at > 0 && text.charAt(at - 1) == '\n';
        addText(before(i, true));
        move(end + 2);
        afterBlock(sign);
        return;
      }
    }
    throw place.broken(first, "statement 'raw' must end with 'endraw', does not");
  }

  private int blanksEnd(int from) {
    int i = from;
    while (i < text.length() && PythonStrings.isSpace(text.charAt(i))) {
      i++;
    }
    return i;
  }

  private void skipBlank() {
    move(blanksEnd(at));
  }

  private void addText(String part) {
    if (!part.isEmpty()) {
      pieces.add(new Piece.Text(part));
    }
  }

  private void move(int to) {
    for (int i = at; i < to; i++) {
      line += text.charAt(i) == '\n' ? 1 : 0;
    }
    at = to;
  }
}
