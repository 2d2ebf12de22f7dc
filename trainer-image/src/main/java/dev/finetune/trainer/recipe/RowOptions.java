package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.api.spec.DuplicateAction;
import dev.finetune.api.spec.OnProblem;
import dev.finetune.api.spec.RowAction;
import dev.finetune.api.spec.TooLongAction;
import dev.finetune.trainer.data.ExampleReader;
import dev.finetune.trainer.failure.InvalidConfiguration;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.Function;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The options of commands that read rows without a job. */
final class RowOptions {
  private static final int MAX_LENGTH = 1024;

  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description =
          "How rows are read: alpaca, promptCompletion, text, tokens, chat, labeledText or"
              + " labeledTokens. Default: alpaca.")
  private @Nullable String format;

  @Option(
      names = "--max-length",
      paramLabel = "N",
      description = "Most tokens of an example. Default: 1024.")
  private @Nullable Integer maxLength;

  @Option(
      names = "--too-long",
      paramLabel = "fail|drop|truncate",
      description = "What is done about a longer row. Default: fail.")
  private @Nullable String tooLong;

  @Option(
      names = "--unsupervised",
      paramLabel = "fail|drop",
      description = "What is done about a row without a token to learn. Default: fail.")
  private @Nullable String unsupervised;

  @Option(
      names = "--broken",
      paramLabel = "fail|drop",
      description = "What is done about a row that cannot be read. Default: fail.")
  private @Nullable String broken;

  @Option(
      names = "--duplicate",
      paramLabel = "fail|drop|keep",
      description = "What is done about a row that repeats an earlier one. Default: keep.")
  private @Nullable String duplicate;

  /** Returns how rows are read. */
  DatasetFormat format() {
    return format(DatasetFormat.ALPACA);
  }

  /** Returns how rows are read, if that was said, else the other. */
  DatasetFormat format(DatasetFormat other) {
    return format == null
        ? other
        : parsed("--format", format, DatasetFormat.values(), ExampleReader::name);
  }

  /** Returns the most tokens of an example, from 2. */
  int maxLength() {
    int length = maxLength == null ? MAX_LENGTH : maxLength;
    if (length < 2) {
      throw new InvalidConfiguration("--max-length: must be at least 2, was " + length);
    }
    return length;
  }

  /**
   * Returns what is done about rows with a problem.
   *
   * @param leaked value of the option {@code --leaked}, or null
   */
  @SuppressWarnings("NullAway") // Absent fields of the record become its defaults.
  OnProblem onProblem(@Nullable String leaked) {
    return new OnProblem(
        action("--too-long", tooLong, TooLongAction.values()),
        action("--unsupervised", unsupervised, RowAction.values()),
        action("--broken", broken, RowAction.values()),
        action("--duplicate", duplicate, DuplicateAction.values()),
        action("--leaked", leaked, DuplicateAction.values()));
  }

  /** Returns whether any of these options was given. */
  boolean given() {
    return format != null
        || maxLength != null
        || tooLong != null
        || unsupervised != null
        || broken != null
        || duplicate != null;
  }

  private static <T extends Enum<T>> @Nullable T action(
      String option, @Nullable String text, T[] values) {
    return text == null
        ? null
        : parsed(option, text, values, value -> value.name().toLowerCase(Locale.ROOT));
  }

  private static <T> T parsed(String option, String text, T[] values, Function<T, String> name) {
    return Arrays.stream(values)
        .filter(value -> name.apply(value).equals(text))
        .findFirst()
        .orElseThrow(
            () ->
                new InvalidConfiguration(
                    "%s: must be one of %s, was %s"
                        .formatted(
                            option,
                            Arrays.stream(values).map(name).collect(Collectors.joining(", ")),
                            text)));
  }
}
