package dev.finetune.trainer.recipe;

import dev.finetune.api.run.ExitCode;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * A request to stop, as SIGTERM or Ctrl-C makes it: the run drops its micro-batch, saves its state
 * and ends with the exit code that it chose, instead of the one that Java would choose. While there
 * is nothing to save the process ends at once.
 */
class StopRequest {
  private static final Duration LONGEST = Duration.ofMinutes(15);

  private final boolean heedsSignals;
  private final CountDownLatch ended = new CountDownLatch(1);
  private volatile int status = ExitCode.YIELDED.code();
  private volatile boolean requested;
  private volatile boolean training;

  /**
   * Makes one.
   *
   * @param heedsSignals whether a command may let signals to the process reach it
   */
  StopRequest(boolean heedsSignals) {
    this.heedsSignals = heedsSignals;
  }

  /** Lets signals reach this request; called once, by a command that can yield. */
  void listen() {
    if (heedsSignals) {
      Runtime.getRuntime().addShutdownHook(new Thread(this::stopAndWait, "stop"));
    }
  }

  /** Returns whether the run shall stop. */
  boolean requested() {
    return requested;
  }

  /** Asks the run to stop. */
  void request() {
    requested = true;
  }

  /** Says that there is from now on a state that is worth saving. */
  void trainingBegins() {
    training = true;
  }

  /** Says that the command has ended and with which status the process is to end. */
  void ended(int exitStatus) {
    status = exitStatus;
    ended.countDown();
  }

  private void stopAndWait() {
    requested = true;
    try {
      if (!training || ended.await(LONGEST.toSeconds(), TimeUnit.SECONDS)) {
        Runtime.getRuntime().halt(status);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
