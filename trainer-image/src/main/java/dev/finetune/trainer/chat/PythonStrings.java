package dev.finetune.trainer.chat;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** What Python's texts do, which count by code points. */
final class PythonStrings {
  private PythonStrings() {}

  /** Returns whether Python counts a character as white space. */
  static boolean isSpace(int c) {
    return switch (c) {
      case '\t', '\n', 0x0b, '\f', '\r', 0x1c, 0x1d, 0x1e, 0x1f, ' ', 0x85, 0xa0, 0x1680 -> true;
      case 0x2028, 0x2029, 0x202f, 0x205f, 0x3000 -> true;
      default -> c >= 0x2000 && c <= 0x200a;
    };
  }

  /** Returns whether a text is of white space only, or empty. */
  static boolean isBlank(String text) {
    return text.chars().allMatch(PythonStrings::isSpace);
  }

  /** Returns a text without white space at its end. */
  static String stripEnd(String text) {
    int end = text.length();
    while (end > 0 && isSpace(text.charAt(end - 1))) {
      end--;
    }
    return text.substring(0, end);
  }

  /** Returns a text without white space at its start. */
  static String stripStart(String text) {
    int start = 0;
    while (start < text.length() && isSpace(text.charAt(start))) {
      start++;
    }
    return text.substring(start);
  }

  /**
   * Returns a text without some characters at its ends.
   *
   * @param characters which to strip; None: white space
   */
  static String strip(String text, Object characters, boolean start, boolean end) {
    if (characters == None.NONE) {
      String stripped = start ? stripStart(text) : text;
      return end ? stripEnd(stripped) : stripped;
    }
    if (!(characters instanceof String set)) {
      throw new RenderFailure("characters to strip must be a text");
    }
    int from = 0;
    int to = text.length();
    while (start && from < to && set.indexOf(text.codePointAt(from)) >= 0) {
      from += Character.charCount(text.codePointAt(from));
    }
    while (end && to > from && set.indexOf(text.codePointBefore(to)) >= 0) {
      to -= Character.charCount(text.codePointBefore(to));
    }
    return text.substring(from, to);
  }

  /** Returns the characters of a text, each a text. */
  static List<Object> characters(String text) {
    List<Object> characters = new ArrayList<>();
    text.codePoints().forEach(c -> characters.add(Character.toString(c)));
    return List.copyOf(characters);
  }

  /** Compares by code points. */
  static int compare(String a, String b) {
    int i = 0;
    while (i < a.length() && i < b.length() && a.charAt(i) == b.charAt(i)) {
      i++;
    }
    if (i == a.length() || i == b.length()) {
      return Integer.compare(a.length(), b.length());
    }
    return Integer.compare(a.codePointAt(i), b.codePointAt(i));
  }

  /**
   * Splits a text.
   *
   * @param separator what to split at; None: runs of white space
   * @param most most splits, negative: all
   */
  static List<Object> split(String text, Object separator, int most) {
    if (separator == None.NONE) {
      return splitBlank(text, most);
    }
    if (!(separator instanceof String cut) || cut.isEmpty()) {
      throw new RenderFailure("a separator to split at must be a text that is not empty");
    }
    List<Object> parts = new ArrayList<>();
    int from = 0;
    int at = text.indexOf(cut);
    while (at >= 0 && (most < 0 || parts.size() < most)) {
      parts.add(text.substring(from, at));
      from = at + cut.length();
      at = text.indexOf(cut, from);
    }
    parts.add(text.substring(from));
    return parts;
  }

  /** Splits a text at a separator from its end. */
  static List<Object> splitFromEnd(String text, Object separator, int most) {
    if (most < 0) {
      return split(text, separator, most);
    }
    if (!(separator instanceof String cut) || cut.isEmpty()) {
      throw new RenderFailure("a separator to split at must be a text that is not empty");
    }
    List<Object> parts = new ArrayList<>();
    int to = text.length();
    int at = text.lastIndexOf(cut);
    while (at >= 0 && parts.size() < most) {
      parts.addFirst(text.substring(at + cut.length(), to));
      to = at;
      at = at < cut.length() ? -1 : text.lastIndexOf(cut, at - cut.length());
    }
    parts.addFirst(text.substring(0, to));
    return parts;
  }

  private static List<Object> splitBlank(String text, int most) {
    List<Object> parts = new ArrayList<>();
    String rest = stripStart(text);
    int from = 0;
    while (from < rest.length()) {
      if (most >= 0 && parts.size() == most) {
        parts.add(stripEnd(rest.substring(from)));
        return parts;
      }
      int to = from;
      while (to < rest.length() && !isSpace(rest.charAt(to))) {
        to++;
      }
      parts.add(rest.substring(from, to));
      while (to < rest.length() && isSpace(rest.charAt(to))) {
        to++;
      }
      from = to;
    }
    return parts;
  }

  /** Splits a text into its lines, which end as Python's do. */
  static List<Object> lines(String text) {
    List<Object> lines = new ArrayList<>();
    int from = 0;
    for (int i = 0; i < text.length(); i++) {
      if (isLineEnd(text.charAt(i))) {
        lines.add(text.substring(from, i));
        if (text.charAt(i) == '\r' && i + 1 < text.length() && text.charAt(i + 1) == '\n') {
          i++;
        }
        from = i + 1;
      }
    }
    if (from < text.length()) {
      lines.add(text.substring(from));
    }
    return lines;
  }

  private static boolean isLineEnd(char c) {
    return switch (c) {
      case '\n', '\r', 0x0b, '\f', 0x1c, 0x1d, 0x1e, 0x85, 0x2028, 0x2029 -> true;
      default -> false;
    };
  }

  /** Replaces a text within a text, at most so many times; negative: always. */
  static String replace(String text, String old, String with, int most) {
    if (old.isEmpty()) {
      throw new RenderFailure("replacing an empty text is not supported");
    }
    StringBuilder result = new StringBuilder();
    int from = 0;
    int count = 0;
    for (int at = text.indexOf(old);
        at >= 0 && (most < 0 || count < most);
        at = text.indexOf(old, from)) {
      Rendering.current().charge(with.length());
      result.append(text, from, at).append(with);
      from = at + old.length();
      count++;
    }
    return result.append(text, from, text.length()).toString();
  }

  /** Returns a text with its first character in upper case and the others in lower case. */
  static String capitalize(String text) {
    if (text.isEmpty()) {
      return text;
    }
    int first = text.codePointAt(0);
    int rest = Character.charCount(first);
    return Character.toString(Character.toTitleCase(first))
        + text.substring(rest).toLowerCase(Locale.ROOT);
  }

  /** Returns a text with each word in title case, as the method of a text does. */
  static String title(String text) {
    StringBuilder result = new StringBuilder(text.length());
    boolean inWord = false;
    for (int c : text.codePoints().toArray()) {
      result.appendCodePoint(inWord ? Character.toLowerCase(c) : Character.toTitleCase(c));
      inWord = Character.isUpperCase(c) || Character.isLowerCase(c) || Character.isTitleCase(c);
    }
    return result.toString();
  }

  /** Returns how often a text is within another, not overlapping. */
  static long count(String text, String part) {
    if (part.isEmpty()) {
      return text.codePointCount(0, text.length()) + 1L;
    }
    long count = 0;
    for (int at = text.indexOf(part); at >= 0; at = text.indexOf(part, at + part.length())) {
      count++;
    }
    return count;
  }
}
