package dev.finetune.trainer.run;

import dev.finetune.trainer.storage.Retry;
import java.time.Clock;
import java.time.Duration;
import java.util.function.Consumer;

/**
 * The rules of a run that do not change its result.
 *
 * @param freshHeartbeat age below which the heartbeat of another owner keeps the run from us
 * @param keepLast newest checkpoints to keep, from 1
 * @param keepBest checkpoints of the least held-out loss to keep besides, from 0
 * @param retry when a failed request is made again, and when storage counts as unreachable
 * @param clock tells the time of heartbeats
 * @param notices takes one line for a person whenever something went another way than planned
 */
public record RunSettings(
    Duration freshHeartbeat,
    int keepLast,
    int keepBest,
    Retry retry,
    Clock clock,
    Consumer<String> notices) {
  /** Checks the ranges. */
  public RunSettings {
    if (keepLast < 1) {
      throw new IllegalArgumentException("keepLast: must be at least 1, was " + keepLast);
    }
    if (keepBest < 0) {
      throw new IllegalArgumentException("keepBest: must be at least 0, was " + keepBest);
    }
    if (freshHeartbeat.isNegative()) {
      throw new IllegalArgumentException("freshHeartbeat: must not be negative");
    }
  }

  /** Returns the rules of a trainer: heartbeats are fresh for 5 minutes, outages may last 10. */
  public static RunSettings standard(int keepLast, int keepBest, Consumer<String> notices) {
    return new RunSettings(
        Duration.ofMinutes(5), keepLast, keepBest, Retry.standard(), Clock.systemUTC(), notices);
  }

  /** Returns these rules with another one for failed requests. */
  public RunSettings with(Retry other) {
    return new RunSettings(freshHeartbeat, keepLast, keepBest, other, clock, notices);
  }
}
