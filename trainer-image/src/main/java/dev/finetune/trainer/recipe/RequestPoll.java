package dev.finetune.trainer.recipe;

import dev.finetune.trainer.run.CheckpointRequests;
import java.time.Duration;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/** Looks, beside the training, whether someone asks for a checkpoint. */
final class RequestPoll implements AutoCloseable {
  /** From one look to the next; each costs a request to storage. */
  static final Duration PERIOD = Duration.ofSeconds(10);

  private final CheckpointRequests requests;
  private final Consumer<String> asked;
  private final Consumer<Throwable> failed;
  private final ScheduledExecutorService executor =
      Executors.newSingleThreadScheduledExecutor(
          task -> Thread.ofPlatform().daemon().name("requests").unstarted(task));

  /**
   * Begins to look.
   *
   * @param asked gets the id of each new request, on a thread of its own
   * @param failed gets what no one has foreseen, after which nothing is looked for any more
   */
  RequestPoll(
      CheckpointRequests requests,
      Duration period,
      Consumer<String> asked,
      Consumer<Throwable> failed) {
    this.requests = requests;
    this.asked = asked;
    this.failed = failed;
    var _ =
        executor.scheduleWithFixedDelay(this::look, 0, period.toMillis(), TimeUnit.MILLISECONDS);
  }

  private void look() {
    try {
      requests.poll().ifPresent(asked);
    } catch (RuntimeException | Error e) {
      failed.accept(e);
      throw e;
    }
  }

  @Override
  public void close() {
    executor.close();
  }
}
