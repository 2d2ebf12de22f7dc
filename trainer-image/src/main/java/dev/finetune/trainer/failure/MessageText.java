package dev.finetune.trainer.failure;

/**
 * Makes a message fit for a terminal, a log and a status, whatever was quoted in it: names of
 * tensors, paths and values come from files that a stranger may have written.
 */
public final class MessageText {
  /** Most characters of a message; of a longer one the middle is left out. */
  public static final int LONGEST = 1500;

  private static final int HEAD = 1000;
  private static final String LEFT_OUT = " ... ";

  private MessageText() {}

  /**
   * Returns the text on one line, of at most {@link #LONGEST} characters, where everything that a
   * terminal would obey instead of showing it is a question mark.
   */
  public static String oneLine(String message) {
    String text = message;
    if (text.length() > LONGEST) {
      int tail = LONGEST - HEAD - LEFT_OUT.length();
      text = text.substring(0, HEAD) + LEFT_OUT + text.substring(text.length() - tail);
    }
    StringBuilder line = new StringBuilder(text.length());
    text.codePoints().forEach(c -> line.appendCodePoint(isShown(c) ? c : replacement(c)));
    return line.toString();
  }

  private static int replacement(int c) {
    return c == '\n' || c == '\t' ? ' ' : '?';
  }

  private static boolean isShown(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }
}
