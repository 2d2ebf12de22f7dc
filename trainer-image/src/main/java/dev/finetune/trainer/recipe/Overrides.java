package dev.finetune.trainer.recipe;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.run.RunRecord;
import org.jspecify.annotations.Nullable;

/**
 * What an attempt may do otherwise than {@code run.json} says, with results that are equal to
 * rounding. Batches and schedule stay what they are.
 *
 * @param threads threads of one product, or null
 * @param tokenBudget most tokens of a micro-batch, or null
 * @param divisor by which the frozen token budget is divided, after a run ran out of memory
 */
record Overrides(@Nullable Integer threads, @Nullable Integer tokenBudget, int divisor) {
  /** Variable with the divisor: 1, 2, 4 or 8. */
  static final String DIVISOR = "FINETUNE_TOKEN_BUDGET_DIVISOR";

  /** Overrides nothing. */
  static final Overrides NONE = new Overrides(null, null, 1);

  private static final int MOST_THREADS = 1024;
  private static final int MOST_TOKENS = 1 << 24;

  /** Checks the ranges of options of the command line and takes the divisor from a variable. */
  static Overrides of(
      @Nullable Integer threads, @Nullable Integer tokenBudget, Environment environment) {
    check("--threads", threads, MOST_THREADS);
    check("--token-budget", tokenBudget, MOST_TOKENS);
    String divisor = environment.variable(DIVISOR);
    return new Overrides(threads, tokenBudget, divisor == null ? 1 : divisor(divisor.strip()));
  }

  private static void check(String option, @Nullable Integer value, int most) {
    if (value != null && (value < 1 || value > most)) {
      throw new InvalidConfiguration(option + ": must be from 1 to " + most + ", was " + value);
    }
  }

  private static int divisor(String text) {
    return switch (text) {
      case "1" -> 1;
      case "2" -> 2;
      case "4" -> 4;
      case "8" -> 8;
      default ->
          throw new InvalidConfiguration(DIVISOR + ": must be 1, 2, 4 or 8, was '" + text + "'");
    };
  }

  /** Returns what a first attempt is to freeze. The divisor is none of it: it passes. */
  RunRecord proposed(RunRecord resolved) {
    return resolved.with(
        threads == null ? resolved.threads() : threads,
        tokenBudget == null ? resolved.tokenBudget() : tokenBudget);
  }

  /**
   * Returns what this attempt does.
   *
   * @param frozen what the first attempt resolved
   * @param maxLength most tokens of an example: a smaller budget would change nothing
   */
  RunRecord applied(RunRecord frozen, int maxLength) {
    int divided =
        Math.min(frozen.tokenBudget(), Math.max(frozen.tokenBudget() / divisor, maxLength));
    return frozen.with(
        threads == null ? frozen.threads() : threads, tokenBudget == null ? divided : tokenBudget);
  }
}
