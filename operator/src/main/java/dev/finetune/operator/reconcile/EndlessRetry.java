package dev.finetune.operator.reconcile;

import io.javaoperatorsdk.operator.processing.retry.GenericRetry;
import java.time.Duration;

/** Tries again for ever, at first after two seconds, later every five minutes. */
public final class EndlessRetry extends GenericRetry {
  private static final Duration FIRST = Duration.ofSeconds(2);
  private static final Duration LONGEST = Duration.ofMinutes(5);

  /** Creates the retry. */
  public EndlessRetry() {
    withoutMaxAttempts();
    setInitialInterval(FIRST.toMillis());
    setIntervalMultiplier(2);
    setMaxInterval(LONGEST.toMillis());
  }
}
