package dev.finetune.operator.reconcile;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Remembers, by a key, how long something that failed is left alone; each failure doubles it. */
final class Pauses {
  private static final Duration FIRST = Duration.ofSeconds(5);
  private static final Duration LONGEST = Duration.ofMinutes(5);

  private final Clock clock;
  private final Map<String, Pause> pauses = new ConcurrentHashMap<>();

  private record Pause(Duration length, Instant end) {}

  Pauses(Clock clock) {
    this.clock = clock;
  }

  /** Returns how long it is still to be left alone; zero if it may be tried. */
  Duration left(String key) {
    Pause pause = pauses.get(key);
    Duration left = pause == null ? Duration.ZERO : Duration.between(clock.instant(), pause.end());
    return left.isNegative() ? Duration.ZERO : left;
  }

  /** It failed; returns how long it is left alone. */
  Duration failed(String key) {
    Pause now =
        pauses.compute(
            key,
            (_, last) -> {
              Duration length = last == null ? FIRST : last.length().multipliedBy(2);
              Duration capped = length.compareTo(LONGEST) > 0 ? LONGEST : length;
              return new Pause(capped, clock.instant().plus(capped));
            });
    return now.length();
  }

  /** It went well, or is of no interest any more. */
  void forget(String key) {
    pauses.remove(key);
  }
}
