package dev.finetune.operator.reconcile;

import dev.finetune.api.run.Progress;
import dev.finetune.api.status.AttemptStatus;
import dev.finetune.api.status.ProgressStatus;
import dev.finetune.operator.config.OperatorConfig;
import dev.finetune.operator.desired.AttemptSettings;
import dev.finetune.operator.desired.TrainerJob;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * What the next attempt has of the ones before it: the time to save that was measured, and half the
 * token budget after each end for want of memory.
 */
final class AttemptPolicy {
  /** What a store that is slower next time, and a first answer that is lost, may cost. */
  private static final int TIMES_TO_SAVE = 4;

  /** What is left of a micro-batch and of loading may take, before a trainer begins to save. */
  private static final Duration BEFORE_SAVING = Duration.ofSeconds(30);

  private AttemptPolicy() {}

  /** Returns the settings of the attempt that follows those that were made so far. */
  static AttemptSettings next(
      Observation observation, List<AttemptStatus> attempts, OperatorConfig.Trainer config) {
    return new AttemptSettings(
        gracePeriod(timeToSave(observation).orElse(null), config),
        tokenBudgetDivisor(
            attempts,
            attempts.isEmpty()
                ? Optional.empty()
                : observation
                    .job(attempts.getLast().number())
                    .map(TrainerJob::tokenBudgetDivisor)));
  }

  /** Returns how long a trainer may take to stop, by the time it took to save; null if unknown. */
  static Duration gracePeriod(@Nullable Duration timeToSave, OperatorConfig.Trainer config) {
    Duration configured = config.terminationGracePeriod();
    if (timeToSave == null) {
      return configured;
    }
    Duration needed = timeToSave.multipliedBy(TIMES_TO_SAVE).plus(BEFORE_SAVING);
    return longer(configured, shorter(needed, config.maxTerminationGracePeriod()));
  }

  /**
   * Returns the divisor of the token budget.
   *
   * @param ofLast that of the last attempt, if its Job is still there
   */
  static int tokenBudgetDivisor(List<AttemptStatus> attempts, Optional<Integer> ofLast) {
    if (attempts.isEmpty()) {
      return 1;
    }
    int before = ofLast.orElseGet(() -> divisor(attempts.subList(0, attempts.size() - 1)));
    return isOutOfMemory(attempts.getLast())
        ? Math.min(2 * before, AttemptSettings.MAXIMUM_DIVISOR)
        : before;
  }

  private static int divisor(List<AttemptStatus> attempts) {
    long ends = attempts.stream().filter(AttemptPolicy::isOutOfMemory).count();
    return ends >= 3 ? AttemptSettings.MAXIMUM_DIVISOR : 1 << ends;
  }

  private static boolean isOutOfMemory(AttemptStatus attempt) {
    return AttemptEnd.ofReason(attempt.reason()) == AttemptEnd.OUT_OF_MEMORY;
  }

  private static Optional<Duration> timeToSave(Observation observation) {
    Progress read = observation.run().progress();
    if (read != null && read.timeToSaveSeconds() != null) {
      // A foreign number: a day is beyond every cap, and far from an overflow.
      double seconds = Math.clamp(read.timeToSaveSeconds(), 0, Duration.ofDays(1).toSeconds());
      return Optional.of(Duration.ofMillis(Math.round(seconds * 1000)));
    }
    ProgressStatus known =
        observation.job().getStatus() == null ? null : observation.job().getStatus().progress();
    return Optional.ofNullable(known).map(ProgressStatus::timeToSaveMillis).map(Duration::ofMillis);
  }

  private static Duration longer(Duration a, Duration b) {
    return a.compareTo(b) >= 0 ? a : b;
  }

  private static Duration shorter(Duration a, Duration b) {
    return a.compareTo(b) <= 0 ? a : b;
  }
}
