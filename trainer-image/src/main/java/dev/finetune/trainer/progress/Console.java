package dev.finetune.trainer.progress;

import java.io.PrintStream;
import java.time.Duration;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What a person sees. On a terminal the line of a step replaces the one before; in a log each is a
 * line of its own. It may be used by several threads.
 */
public final class Console {
  private final PrintStream out;
  private final boolean terminal;
  private boolean stepLine;

  /**
   * Makes one.
   *
   * @param terminal whether a line can be written over
   */
  public Console(PrintStream out, boolean terminal) {
    this.out = out;
    this.terminal = terminal;
  }

  /** Prints a sentence. */
  public synchronized void say(String format, Object... arguments) {
    if (stepLine) {
      out.println();
      stepLine = false;
    }
    out.println(String.format(Locale.ROOT, format, arguments));
  }

  /** Prints how far the run is: step, loss, speed, utilization of the machine and time left. */
  public synchronized void step(Metrics metrics, int totalSteps, Speed speed) {
    String line =
        String.format(
            Locale.ROOT,
            "step %d/%d  loss %.4f  %.0f tokens/s%s  %s left",
            metrics.step(),
            totalSteps,
            metrics.loss(),
            speed.tokensPerSecond(),
            percent(speed.utilization()),
            text(speed.timeFor(totalSteps - metrics.step())));
    if (terminal) {
      out.print("\r\u001b[K" + line);
      out.flush();
      stepLine = true;
    } else {
      out.println(line);
    }
  }

  private static String percent(@Nullable Double utilization) {
    return utilization == null
        ? ""
        : String.format(Locale.ROOT, " (%.0f %% of the machine)", 100 * utilization);
  }

  /** Returns a time as people write it, such as {@code 1h 5m}, {@code 3m 20s} or {@code 12s}. */
  static String text(Duration duration) {
    long seconds = duration.toSeconds();
    if (seconds >= 3600) {
      return seconds / 3600 + "h " + seconds % 3600 / 60 + "m";
    }
    if (seconds >= 60) {
      return seconds / 60 + "m " + seconds % 60 + "s";
    }
    return seconds + "s";
  }
}
