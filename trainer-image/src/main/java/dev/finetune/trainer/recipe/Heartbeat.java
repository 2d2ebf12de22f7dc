package dev.finetune.trainer.recipe;

import dev.finetune.trainer.failure.Fenced;
import dev.finetune.trainer.run.Run;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.TimeUnit;

/**
 * Says every minute that the owner of a run lives, also while a model is loaded or a step takes
 * long.
 */
final class Heartbeat implements AutoCloseable {
  private static final long PERIOD_SECONDS = 60;

  private final Run run;
  private final ScheduledExecutorService executor =
      Executors.newSingleThreadScheduledExecutor(
          task -> Thread.ofPlatform().daemon().name("heartbeat").unstarted(task));
  private final ScheduledFuture<?> beats;

  /** Starts beating. */
  Heartbeat(Run run) {
    this.run = run;
    beats =
        executor.scheduleAtFixedRate(this::beat, PERIOD_SECONDS, PERIOD_SECONDS, TimeUnit.SECONDS);
  }

  private void beat() {
    try {
      run.heartbeat();
    } catch (Fenced e) {
      // The run remembers it and ends the training at its next write.
      beats.cancel(false);
    }
  }

  @Override
  public void close() {
    executor.close();
  }
}
