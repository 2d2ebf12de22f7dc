package dev.finetune.trainer.report;

/** The beginning and the end of a text that may be of any length. */
final class Excerpt {
  private static final String LEFT_OUT = " … ";

  private Excerpt() {}

  /**
   * Returns the text, or its first two thirds and last third, of so many characters in all.
   *
   * @param most most characters, from 16
   */
  static String of(String text, int most) {
    String trimmed = text.strip();
    if (trimmed.length() <= most) {
      return trimmed;
    }
    int tail = (most - LEFT_OUT.length()) / 3;
    int head = most - LEFT_OUT.length() - tail;
    int headEnd = Character.isHighSurrogate(trimmed.charAt(head - 1)) ? head - 1 : head;
    int tailStart = trimmed.length() - tail;
    if (Character.isLowSurrogate(trimmed.charAt(tailStart))) {
      tailStart++;
    }
    return trimmed.substring(0, headEnd).stripTrailing()
        + LEFT_OUT
        + trimmed.substring(tailStart).stripLeading();
  }
}
