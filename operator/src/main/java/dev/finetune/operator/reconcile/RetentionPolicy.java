package dev.finetune.operator.reconcile;

import java.time.Duration;
import java.time.Instant;
import java.util.Optional;

/**
 * What is left of a job that ended: after {@code ttlSecondsAfterFinished} its Jobs, pods and
 * ConfigMaps are removed. The FineTuneJob stays, and with it the end.
 */
final class RetentionPolicy {
  private RetentionPolicy() {}

  /** Returns what is to be done about an ended job. */
  static Decision decide(Observation observation) {
    Integer seconds = observation.job().getSpec().ttlSecondsAfterFinished();
    Instant ended = JobState.time(observation.job().getStatus().completionTime());
    boolean nothingLeft = observation.jobs().isEmpty() && observation.pods().isEmpty();
    if (seconds == null || ended == null || nothingLeft) {
      return new Decision.Rest(Optional.empty());
    }
    Duration left = Duration.between(observation.now(), ended.plusSeconds(seconds));
    return left.isPositive() ? new Decision.Rest(Optional.of(left)) : new Decision.RemoveObjects();
  }
}
