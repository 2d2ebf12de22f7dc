package dev.finetune.api.spec;

import java.io.Serializable;

/**
 * One place where a job breaks a rule.
 *
 * @param path field as a user would write it, such as {@code spec.adapter.rank}, {@code
 *     spec.pod.env[0].name} or {@code spec.resources.limits[memory]}; {@code line 3} where the text
 *     itself cannot be read
 * @param message what was expected and what was found
 */
public record Violation(String path, String message) implements Serializable {
  private static final int LONGEST_PATH = 300;
  private static final int LONGEST_MESSAGE = 600;

  /** Bounds both and shows what a terminal would obey as question marks: a user may write it. */
  public Violation {
    path = shown(path, LONGEST_PATH);
    message = shown(message, LONGEST_MESSAGE);
  }

  private static String shown(String text, int longest) {
    String cut = text.length() <= longest ? text : text.substring(0, longest) + "...";
    StringBuilder line = new StringBuilder(cut.length());
    cut.codePoints().forEach(c -> line.appendCodePoint(isShown(c) ? c : '?'));
    return line.toString();
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

  /** Returns path and message in one line. */
  @Override
  public String toString() {
    return path + ": " + message;
  }
}
