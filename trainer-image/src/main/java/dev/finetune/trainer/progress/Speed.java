package dev.finetune.trainer.progress;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** Tokens per second, utilization of the machine and time left, over the last steps. */
public final class Speed {
  private static final int WINDOW = 20;

  private final double rate;
  private final Deque<Step> last = new ArrayDeque<>();

  private record Step(int tokens, double flops, double seconds) {}

  /**
   * Makes one that has seen no step.
   *
   * @param rate floating-point operations a second that the machine reaches in large matrix
   *     products, or 0 if that is not known
   */
  public Speed(double rate) {
    this.rate = rate;
  }

  /**
   * Takes a step in.
   *
   * @param flops floating-point operations that the step needs
   */
  public void add(Metrics metrics, double flops) {
    last.addLast(new Step(metrics.tokens(), flops, metrics.seconds()));
    if (last.size() > WINDOW) {
      last.removeFirst();
    }
  }

  /** Returns tokens per second, 0 before the first step. */
  public double tokensPerSecond() {
    double tokens = last.stream().mapToDouble(Step::tokens).sum();
    return last.isEmpty() ? 0 : tokens / Math.max(seconds(), 1e-9);
  }

  /**
   * Returns the share of the machine's rate that the steps reach, or null if the rate is not known
   * or there was no step.
   */
  public @Nullable Double utilization() {
    if (last.isEmpty() || rate <= 0) {
      return null;
    }
    double flops = last.stream().mapToDouble(Step::flops).sum();
    return flops / Math.max(seconds(), 1e-9) / rate;
  }

  /** Returns the time that these many steps will take, zero before the first step. */
  public Duration timeFor(int steps) {
    return last.isEmpty()
        ? Duration.ZERO
        : Duration.ofMillis(Math.round(1000 * seconds() / last.size() * steps));
  }

  private double seconds() {
    return last.stream().mapToDouble(Step::seconds).sum();
  }
}
