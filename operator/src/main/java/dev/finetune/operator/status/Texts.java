package dev.finetune.operator.status;

import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** Numbers, times and foreign words as people read them in a status. */
public final class Texts {
  private Texts() {}

  /** Returns a time in RFC 3339 with seconds. */
  public static String time(Instant instant) {
    return instant.truncatedTo(ChronoUnit.SECONDS).toString();
  }

  /** Returns a loss with four significant digits, such as 1.412. */
  public static @Nullable String loss(@Nullable Double loss) {
    return loss == null ? null : String.format(Locale.ROOT, "%.4g", loss);
  }

  /** Returns a duration with its two largest units: 45s, 6m, 1h20m or 2d3h. */
  public static String duration(Duration duration) {
    long seconds = Math.max(0, duration.toSeconds());
    if (seconds < 60) {
      return seconds + "s";
    }
    long minutes = (seconds + 30) / 60;
    if (minutes < 60) {
      return minutes + "m";
    }
    if (minutes < 24 * 60) {
      return minutes / 60 + "h" + (minutes % 60 == 0 ? "" : minutes % 60 + "m");
    }
    long hours = minutes / 60;
    return hours / 24 + "d" + (hours % 24 == 0 ? "" : hours % 24 + "h");
  }

  /**
   * Returns foreign text fit for a status: without control characters, and of at most so many
   * characters, the last ones if there are more.
   */
  public static String clean(String text, int maximum) {
    String line = text.replaceAll("[\\p{Cntrl}\\s]+", " ").strip();
    return line.length() <= maximum ? line : "..." + line.substring(line.length() - maximum + 3);
  }

  /** Returns the last line of a text that is not blank, or an empty text. */
  public static String lastLine(String text) {
    String stripped = text.strip();
    return stripped.substring(stripped.lastIndexOf('\n') + 1);
  }
}
