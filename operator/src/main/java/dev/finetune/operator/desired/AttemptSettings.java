package dev.finetune.operator.desired;

import dev.finetune.operator.config.OperatorConfig;
import java.time.Duration;

/**
 * What differs between the Jobs of a FineTuneJob.
 *
 * @param gracePeriod how long the trainer may take to save its state after it was asked to stop
 * @param tokenBudgetDivisor by what the trainer divides the token budget of the run: 1, or a power
 *     of two after it ran out of memory
 */
public record AttemptSettings(Duration gracePeriod, int tokenBudgetDivisor) {
  /** The largest divisor; what does not fit in an eighth of the memory does not fit. */
  public static final int MAXIMUM_DIVISOR = 8;

  /** Checks the divisor. */
  public AttemptSettings {
    if (tokenBudgetDivisor < 1
        || tokenBudgetDivisor > MAXIMUM_DIVISOR
        || Integer.bitCount(tokenBudgetDivisor) != 1) {
      throw new IllegalArgumentException(
          "tokenBudgetDivisor: must be 1, 2, 4 or 8, was " + tokenBudgetDivisor);
    }
  }

  /** Returns the settings of the first attempt, of which nothing is known yet. */
  public static AttemptSettings first(OperatorConfig.Trainer config) {
    return new AttemptSettings(config.terminationGracePeriod(), 1);
  }
}
