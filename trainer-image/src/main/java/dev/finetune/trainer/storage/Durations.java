package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.InvalidConfiguration;
import java.time.Duration;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Durations in variables: a whole number and {@code ms}, {@code s}, {@code m} or {@code h}. */
final class Durations {
  private static final Pattern DURATION = Pattern.compile("(\\d{1,9})(ms|s|m|h)");

  private Durations() {}

  /** Least and greatest value that is accepted. */
  record Range(Duration least, Duration greatest) {}

  /**
   * Returns the value of a variable, or another one if it is not set.
   *
   * @throws InvalidConfiguration if it is no duration or out of range
   */
  static Duration read(
      Map<String, String> environment, String variable, Duration otherwise, Range range) {
    String text = environment.get(variable);
    if (text == null || text.isBlank()) {
      return otherwise;
    }
    Matcher matcher = DURATION.matcher(text.strip());
    if (!matcher.matches()) {
      throw new InvalidConfiguration(
          variable + ": must be a duration such as 90s or 10m, was " + ObjectKey.printable(text));
    }
    long number = Long.parseLong(matcher.group(1));
    Duration duration =
        switch (matcher.group(2)) {
          case "ms" -> Duration.ofMillis(number);
          case "s" -> Duration.ofSeconds(number);
          case "m" -> Duration.ofMinutes(number);
          default -> Duration.ofHours(number);
        };
    if (duration.compareTo(range.least()) < 0 || duration.compareTo(range.greatest()) > 0) {
      throw new InvalidConfiguration(
          variable
              + ": must be from "
              + range.least().toMillis()
              + "ms to "
              + range.greatest().toMinutes()
              + "m, was "
              + text);
    }
    return duration;
  }
}
