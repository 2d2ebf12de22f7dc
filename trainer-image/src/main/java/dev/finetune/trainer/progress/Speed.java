package dev.finetune.trainer.progress;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;

/** Tokens per second and time left, over the last steps. */
public final class Speed {
  private static final int WINDOW = 20;

  private final Deque<Metrics> last = new ArrayDeque<>();

  /** Takes a step in. */
  public void add(Metrics metrics) {
    last.addLast(metrics);
    if (last.size() > WINDOW) {
      last.removeFirst();
    }
  }

  /** Returns tokens per second, 0 before the first step. */
  public double tokensPerSecond() {
    double tokens = last.stream().mapToDouble(Metrics::tokens).sum();
    return last.isEmpty() ? 0 : tokens / Math.max(seconds(), 1e-9);
  }

  /** Returns the time that these many steps will take, zero before the first step. */
  public Duration timeFor(int steps) {
    return last.isEmpty()
        ? Duration.ZERO
        : Duration.ofMillis(Math.round(1000 * seconds() / last.size() * steps));
  }

  private double seconds() {
    return last.stream().mapToDouble(Metrics::seconds).sum();
  }
}
