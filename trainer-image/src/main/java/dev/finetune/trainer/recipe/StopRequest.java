package dev.finetune.trainer.recipe;

import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * A request to stop, as SIGTERM or Ctrl-C makes it: the run drops its micro-batch, saves its state
 * and ends with the exit code that it chose, instead of the one that Java would choose.
 */
final class StopRequest {
  private static final Duration LONGEST = Duration.ofMinutes(15);
  private static final int RUNNING = -1;

  private final CountDownLatch done = new CountDownLatch(1);
  private final AtomicInteger status = new AtomicInteger(RUNNING);
  private volatile boolean requested;

  /** Makes one that signals reach. */
  static StopRequest onSignals() {
    StopRequest request = new StopRequest();
    Runtime.getRuntime().addShutdownHook(new Thread(request::stopAndWait, "stop"));
    return request;
  }

  /** Returns whether the run shall stop. */
  boolean requested() {
    return requested;
  }

  /** Asks the run to stop. */
  void request() {
    requested = true;
  }

  /** Says that the run has ended and with which status the process is to end. */
  void ended(int exitStatus) {
    status.set(exitStatus);
    done.countDown();
  }

  private void stopAndWait() {
    if (status.get() != RUNNING) {
      return;
    }
    requested = true;
    try {
      if (done.await(LONGEST.toSeconds(), TimeUnit.SECONDS)) {
        Runtime.getRuntime().halt(status.get());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
