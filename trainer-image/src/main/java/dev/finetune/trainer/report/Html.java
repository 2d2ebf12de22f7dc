package dev.finetune.trainer.report;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * Builds HTML. Names of elements and attributes are the program's; every text and every value of an
 * attribute is escaped, whoever wrote it. Elements are closed in order, so the page is well-formed.
 */
final class Html {
  private final StringBuilder out = new StringBuilder(1 << 16);
  private final Deque<String> open = new ArrayDeque<>();

  /**
   * Opens an element.
   *
   * @param attributes names and values, in turn
   */
  Html open(String element, Object... attributes) {
    tag(element, attributes).append('>');
    open.push(element);
    return this;
  }

  /** Closes the element that was opened last. */
  Html close() {
    out.append("</").append(open.pop()).append('>');
    if (open.size() <= 3) {
      out.append('\n');
    }
    return this;
  }

  /** Adds an element that holds nothing but a text. */
  Html element(String element, String text, Object... attributes) {
    return open(element, attributes).text(text).close();
  }

  /** Adds an element that has no content. */
  Html empty(String element, Object... attributes) {
    tag(element, attributes).append("/>");
    return this;
  }

  /** Adds a text. */
  Html text(String text) {
    escape(text);
    return this;
  }

  /** Adds what is markup already; never anything that came with a run. */
  Html markup(String constant) {
    out.append(constant);
    return this;
  }

  private StringBuilder tag(String element, Object... attributes) {
    if (attributes.length % 2 != 0) {
      throw new IllegalArgumentException("attributes: must be pairs of name and value");
    }
    out.append('<').append(element);
    for (int i = 0; i < attributes.length; i += 2) {
      out.append(' ').append(attributes[i]).append("=\"");
      escape(attributes[i + 1].toString());
      out.append('"');
    }
    return out;
  }

  private void escape(String text) {
    text.codePoints()
        .forEach(
            c -> {
              switch (c) {
                case '<' -> out.append("&lt;");
                case '>' -> out.append("&gt;");
                case '&' -> out.append("&amp;");
                case '"' -> out.append("&quot;");
                case '\'' -> out.append("&#39;");
                case '\n', '\t' -> out.append((char) c);
                default -> out.appendCodePoint(isShown(c) ? c : '\ufffd');
              }
            });
  }

  /** Controls mean nothing in a page, and those of direction let a text pose as another. */
  private static boolean isShown(int c) {
    boolean direction =
        (c >= 0x202a && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x200e || c == 0x200f;
    boolean wellFormed = !(c >= 0xd800 && c <= 0xdfff) && (c & 0xfffe) != 0xfffe;
    return !direction && wellFormed && !Character.isISOControl(c);
  }

  /** Returns the page; everything that was opened must be closed. */
  String page() {
    if (!open.isEmpty()) {
      throw new IllegalStateException("not closed: " + open);
    }
    return "<!DOCTYPE html>\n" + out;
  }
}
