package dev.finetune.trainer.expression;

/**
 * Reads a regular expression and refuses what could take for ever.
 *
 * <p>{@link #checkLinear} is for expressions of a {@code tokenizer.json}, which run on texts of any
 * length: it refuses what could take more than a number of steps in proportion to the text, for
 * each place where a match may begin. The native library gives up such a match after ten million
 * steps by ending the process. So there is no repetition of a group that is not one fixed sequence,
 * no reference back, no condition and no recursion; not three repetitions without a bound one after
 * another, nor two with something behind them that must be there. What published tokenizers have
 * passes.
 *
 * <p>{@link #checkReading} is for names, where the characters that are read are counted: it refuses
 * what could branch without reading, which is an alternative, a repeated group or a look around
 * that the empty text matches.
 */
public final class SafeExpression {
  private static final int LONGEST = 2048;
  private static final int DEEPEST = 16;
  private static final int MOST_TIMES = 256;

  private final String text;
  private final boolean linear;
  private int at;
  private int unbounded;

  private SafeExpression(String text, boolean linear) {
    this.text = text;
    this.linear = linear;
  }

  /** Says what is wrong with an expression. */
  public static final class Refused extends Exception {
    private static final long serialVersionUID = 1L;

    Refused(String why) {
      super(why);
    }
  }

  /**
   * What a part of an expression can do.
   *
   * @param open repetitions without a bound, one after another
   * @param optional whether it matches the empty text
   * @param fixed whether it is one sequence of characters and classes
   */
  private record Part(int open, boolean optional, boolean fixed) {
    static final Part EMPTY = new Part(0, true, true);
    static final Part CHARACTER = new Part(0, false, true);
  }

  /**
   * Checks an expression that runs on long texts.
   *
   * @return the number of repetitions without a bound in it
   */
  public static int checkLinear(String expression) throws Refused {
    return check(expression, true);
  }

  /** Checks an expression whose reads are counted. */
  public static void checkReading(String expression) throws Refused {
    check(expression, false);
  }

  private static int check(String expression, boolean linear) throws Refused {
    if (expression.isEmpty() || expression.length() > LONGEST) {
      throw new Refused("must have 1 to " + LONGEST + " characters, has " + expression.length());
    }
    SafeExpression reader = new SafeExpression(expression, linear);
    reader.alternatives(0);
    if (reader.at < expression.length()) {
      throw new Refused("has a ')' too many");
    }
    return reader.unbounded;
  }

  private Part alternatives(int depth) throws Refused {
    if (depth > DEEPEST) {
      throw new Refused("has groups more than " + DEEPEST + " deep");
    }
    Part all = sequence(depth);
    while (at < text.length() && text.charAt(at) == '|') {
      at++;
      Part next = sequence(depth);
      if (!linear && (all.optional || next.optional)) {
        throw new Refused("has an alternative that the empty text matches");
      }
      all = new Part(Math.max(all.open, next.open), all.optional || next.optional, false);
    }
    return all;
  }

  private Part sequence(int depth) throws Refused {
    Part all = Part.EMPTY;
    while (at < text.length() && text.charAt(at) != '|' && text.charAt(at) != ')') {
      Part next = repeated(atom(depth));
      if (linear && (all.open + next.open > 2 || (all.open == 2 && !next.optional))) {
        throw new Refused("repeats without a bound too often in a row");
      }
      all = new Part(all.open + next.open, all.optional && next.optional, all.fixed && next.fixed);
    }
    return all;
  }

  private Part atom(int depth) throws Refused {
    char c = text.charAt(at++);
    return switch (c) {
      case '(' -> group(depth);
      case '[' -> {
        skipClass(0);
        yield Part.CHARACTER;
      }
      case '\\' -> escape();
      case '^', '$' -> Part.EMPTY;
      case '*', '+', '?' -> throw new Refused("repeats nothing");
      default -> Part.CHARACTER;
    };
  }

  private Part group(int depth) throws Refused {
    if (at < text.length() && text.charAt(at) == '*') {
      throw new Refused("has a callout");
    }
    boolean looks = false;
    if (at < text.length() && text.charAt(at) == '?') {
      at++;
      if (flags()) {
        return Part.EMPTY;
      }
      looks = looks();
    }
    Part inner = alternatives(depth + 1);
    if (at >= text.length()) {
      throw new Refused("lacks a ')'");
    }
    at++;
    if (looks && (linear ? inner.open > 0 : inner.optional)) {
      throw new Refused(
          "repeats without a bound, or matches the empty text, while it looks around");
    }
    return looks ? new Part(0, true, false) : inner;
  }

  /** Reads the flags of a group. Returns whether they are all of it. */
  private boolean flags() throws Refused {
    while (at < text.length() && "ims-".indexOf(text.charAt(at)) >= 0) {
      at++;
    }
    boolean all = at < text.length() && text.charAt(at) == ')';
    if (all && linear) {
      throw new Refused("has a kind of group that is not supported");
    }
    at += all ? 1 : 0;
    return all;
  }

  /** Reads the kind of a group. Returns whether it looks around. */
  private boolean looks() throws Refused {
    char kind = at < text.length() ? text.charAt(at++) : ' ';
    if (kind == ':' || kind == '>') {
      return false;
    }
    boolean before = "imsx-".indexOf(text.charAt(at - 2)) >= 0;
    if (kind == '<' && at < text.length()) {
      kind = text.charAt(at++);
    }
    if (before || (kind != '=' && kind != '!')) {
      throw new Refused("has a kind of group that is not supported");
    }
    return true;
  }

  private Part escape() throws Refused {
    if (at >= text.length()) {
      throw new Refused("ends in a backslash");
    }
    char c = text.charAt(at++);
    if (Character.isDigit(c) && !linear) {
      return Part.EMPTY;
    }
    if (Character.isDigit(c) || "kgXRQ".indexOf(c) >= 0) {
      throw new Refused("has a \\" + c);
    }
    if ((c == 'p' || c == 'P' || c == 'x') && at < text.length() && text.charAt(at) == '{') {
      int end = text.indexOf('}', at);
      if (end < 0) {
        throw new Refused("lacks a '}'");
      }
      at = end + 1;
    }
    return "AzZbBG".indexOf(c) >= 0 ? Part.EMPTY : Part.CHARACTER;
  }

  private void skipClass(int depth) throws Refused {
    if (depth > DEEPEST) {
      throw new Refused("has classes more than " + DEEPEST + " deep");
    }
    if (at < text.length() && text.charAt(at) == '^') {
      at++;
    }
    boolean first = true;
    while (at < text.length() && (first || text.charAt(at) != ']')) {
      char c = text.charAt(at++);
      first = false;
      if (c == '\\') {
        at++;
      } else if (c == '[') {
        skipClass(depth + 1);
      }
    }
    if (at >= text.length()) {
      throw new Refused("lacks a ']'");
    }
    at++;
  }

  private Part repeated(Part part) throws Refused {
    Part result = part;
    int quantifiers = 0;
    while (at < text.length() && "*+?{".indexOf(text.charAt(at)) >= 0) {
      char c = text.charAt(at);
      long[] times = c == '{' ? times() : new long[] {c == '+' ? 1 : 0, c == '?' ? 1 : -1};
      if (c != '{') {
        at++;
      }
      boolean mark = quantifiers > 0 && (c == '?' || c == '+');
      if (!mark) {
        if (quantifiers > 0) {
          throw new Refused("repeats a repetition");
        }
        result = repeat(part, times);
      } else if (quantifiers > 1) {
        throw new Refused("repeats a repetition");
      }
      quantifiers++;
    }
    return result;
  }

  private Part repeat(Part part, long[] times) throws Refused {
    boolean open = times[1] < 0;
    boolean once = times[1] == 1;
    if (!once && linear && (!part.fixed || part.optional)) {
      throw new Refused("repeats a group that is not one fixed sequence");
    }
    if (!linear && part.optional) {
      throw new Refused("repeats what the empty text matches");
    }
    if (times[0] > MOST_TIMES || times[1] > MOST_TIMES) {
      throw new Refused("repeats more than " + MOST_TIMES + " times");
    }
    if (open) {
      unbounded++;
    }
    return new Part(
        part.open + (open ? 1 : 0),
        part.optional || times[0] == 0,
        part.fixed && times[0] == times[1]);
  }

  /** Reads {@code {n}}, {@code {n,}}, {@code {,m}} or {@code {n,m}}. */
  private long[] times() throws Refused {
    int end = text.indexOf('}', at);
    String body = end < 0 ? "" : text.substring(at + 1, end);
    if (!body.matches("\\d{1,6}|\\d{1,6},|,\\d{1,6}|\\d{1,6},\\d{1,6}")) {
      throw new Refused("has a '{' that is not a number of times");
    }
    at = end + 1;
    int comma = body.indexOf(',');
    if (comma < 0) {
      return new long[] {Long.parseLong(body), Long.parseLong(body)};
    }
    String least = body.substring(0, comma);
    String most = body.substring(comma + 1);
    return new long[] {
      least.isEmpty() ? 0 : Long.parseLong(least), most.isEmpty() ? -1 : Long.parseLong(most)
    };
  }
}
