package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.StorageUnreachable;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.Supplier;

/**
 * When a request that the world failed is made again: after waits that double from {@code first} up
 * to {@code longest}, each shortened by up to a half at random so that many trainers do not call in
 * step, until {@code deadline} has passed since the first failure. A store that asks to be left
 * alone for a while is, for up to a minute; if that is longer than there is time, the request is
 * given up at once.
 *
 * @param first first wait
 * @param longest longest wait
 * @param deadline time from the first failure to giving up
 */
public record Retry(Duration first, Duration longest, Duration deadline) {
  /** Variable with the deadline, such as {@code 90s}, {@code 10m} or {@code 2h}. */
  public static final String DEADLINE_VARIABLE = "FINETUNE_STORAGE_DEADLINE";

  private static final Duration LONGEST_ASKED_FOR = Duration.ofMinutes(1);

  /** Checks that the durations are positive. */
  public Retry {
    if (first.isNegative() || first.isZero() || longest.compareTo(first) < 0) {
      throw new IllegalArgumentException("retry: waits must be positive and ascending");
    }
    if (deadline.isNegative()) {
      throw new IllegalArgumentException("retry: deadline must not be negative");
    }
  }

  /** Returns the rule for a trainer: 0.2 s doubling to 20 s, for 10 minutes. */
  public static Retry standard() {
    return new Retry(Duration.ofMillis(200), Duration.ofSeconds(20), Duration.ofMinutes(10));
  }

  /**
   * Returns the rule for a trainer, with the deadline of the environment if it gives one.
   *
   * @param environment variables of the process
   * @throws dev.finetune.trainer.failure.InvalidConfiguration if it is no duration, or not within a
   *     second and a day
   */
  public static Retry of(Map<String, String> environment) {
    Retry standard = standard();
    Duration deadline =
        Durations.read(
            environment,
            DEADLINE_VARIABLE,
            standard.deadline,
            new Durations.Range(Duration.ofSeconds(1), Duration.ofDays(1)));
    return new Retry(standard.first, standard.longest, deadline);
  }

  /**
   * Makes a request until it succeeds.
   *
   * @param what names the request in the message, such as {@code read s3://bucket/key}
   * @throws StorageUnreachable after the deadline; any other failure at once
   */
  public <T> T call(String what, Supplier<T> request) {
    Attempts attempts = attempts(what);
    while (true) {
      try {
        return request.get();
      } catch (StorageUnreachable e) {
        attempts.failed(e);
      }
    }
  }

  /** Starts the count for a request whose repetition is the caller's own loop. */
  public Attempts attempts(String what) {
    return new Attempts(this, what);
  }

  /** The failures of one request so far. Used by one thread. */
  public static final class Attempts {
    private final Retry retry;
    private final String what;
    private Instant end = Instant.MAX;
    private Duration wait;
    private int failures;

    private Attempts(Retry retry, String what) {
      this.retry = retry;
      this.what = what;
      this.wait = retry.first;
    }

    /**
     * Waits until the next try.
     *
     * @throws StorageUnreachable if the deadline has passed, or the thread is interrupted
     */
    public void failed(StorageUnreachable cause) {
      Instant now = Instant.now();
      if (failures++ == 0) {
        end = now.plus(retry.deadline);
      }
      Duration left = Duration.between(now, end);
      Duration asked = least(cause.retryAfter().orElse(Duration.ZERO), LONGEST_ASKED_FOR);
      if (!left.isPositive() || asked.compareTo(left) > 0) {
        throw gaveUp(cause);
      }
      Duration shortened = shortened(wait);
      // Never beyond the deadline, so that the last try is made at it and not after it.
      pause(least(asked.compareTo(shortened) > 0 ? asked : shortened, left), cause);
      wait = least(wait.multipliedBy(2), retry.longest);
    }

    private StorageUnreachable gaveUp(StorageUnreachable cause) {
      return new StorageUnreachable(
          what
              + ": gave up after "
              + failures
              + (failures == 1 ? " try" : " tries")
              + " within "
              + retry.deadline.toSeconds()
              + " s: "
              + cause.getMessage(),
          cause,
          cause.retryAfter().orElse(null));
    }

    private void pause(Duration duration, StorageUnreachable cause) {
      try {
        Thread.sleep(duration);
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        throw new StorageUnreachable(
            what + ": interrupted while waiting to try again after: " + cause.getMessage(), cause);
      }
    }

    private static Duration shortened(Duration wait) {
      long nanos = wait.toNanos();
      return Duration.ofNanos(nanos - ThreadLocalRandom.current().nextLong(nanos / 2 + 1));
    }

    private static Duration least(Duration a, Duration b) {
      return a.compareTo(b) < 0 ? a : b;
    }
  }
}
