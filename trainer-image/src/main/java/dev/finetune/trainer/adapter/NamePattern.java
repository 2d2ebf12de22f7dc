package dev.finetune.trainer.adapter;

import dev.finetune.trainer.expression.SafeExpression;
import dev.finetune.trainer.failure.InvalidConfiguration;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/**
 * A regular expression of a user for names of modules. It may come from anywhere and could
 * backtrack for ever, so the work that it may cause is bounded by a count, which is the same on
 * every machine.
 */
final class NamePattern {
  private static final Pattern REGEX_CHARACTERS = Pattern.compile("[\\\\^$*+?()\\[\\]{}|]");
  private static final int LONGEST = 512;

  /** Characters that may be read for all names: well below a second of work. */
  private static final int MOST_READS = 20_000_000;

  private final String field;
  private final Pattern pattern;
  private int reads;

  private NamePattern(String field, Pattern pattern) {
    this.field = field;
    this.pattern = pattern;
  }

  /** Returns whether a text has regular-expression characters other than dots. */
  static boolean isExpression(String text) {
    return REGEX_CHARACTERS.matcher(text).find();
  }

  /**
   * Compiles an expression.
   *
   * @param field what to call it in errors
   * @throws InvalidConfiguration if it is none, or too long
   */
  static NamePattern compile(String field, String expression) {
    return new NamePattern(field, pattern(field, expression));
  }

  /** Compiles an expression that matches a name or its last parts, from a dot on. */
  static NamePattern suffix(String field, String expression) {
    pattern(field, expression);
    return new NamePattern(field, Pattern.compile("(.*\\.)?(" + expression + ")"));
  }

  private static Pattern pattern(String field, String expression) {
    if (expression.length() > LONGEST) {
      throw new InvalidConfiguration(
          "%s: must have at most %d characters, has %d"
              .formatted(field, LONGEST, expression.length()));
    }
    try {
      Pattern compiled = Pattern.compile(expression);
      SafeExpression.checkReading(expression);
      return compiled;
    } catch (SafeExpression.Refused e) {
      throw new InvalidConfiguration(
          "%s: must be a regular expression of the kind that is supported, '%s' %s"
              .formatted(field, expression, e.getMessage()),
          e);
    } catch (PatternSyntaxException e) {
      throw new InvalidConfiguration(
          "%s: must be a regular expression, '%s' is none: %s"
              .formatted(field, expression, e.getDescription()),
          e);
    }
  }

  /**
   * Returns whether the whole name matches.
   *
   * @throws InvalidConfiguration if this and the names before took too many steps
   */
  boolean matches(String name) {
    try {
      return pattern.matcher(new CountedText(name, 0, name.length())).matches();
    } catch (StackOverflowError e) {
      throw new InvalidConfiguration(
          field + ": the regular expression is nested too deeply; make it simpler", e);
    }
  }

  private final class CountedText implements CharSequence {
    private final String text;
    private final int start;
    private final int end;

    CountedText(String text, int start, int end) {
      this.text = text;
      this.start = start;
      this.end = end;
    }

    @Override
    public char charAt(int index) {
      if (++reads > MOST_READS) {
        throw new InvalidConfiguration(
            field + ": the regular expression takes too many steps; make it simpler");
      }
      return text.charAt(start + index);
    }

    @Override
    public int length() {
      return end - start;
    }

    @Override
    public CharSequence subSequence(int from, int to) {
      return new CountedText(text, start + from, start + to);
    }

    @Override
    public String toString() {
      return text.substring(start, end);
    }
  }
}
