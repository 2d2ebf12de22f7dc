package dev.finetune.trainer.recipe;

import dev.finetune.trainer.failure.Fenced;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.run.Run;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * What an attempt writes to storage beside its training, one after the other on a thread of its
 * own. The first task that fails ends the attempt: the ones behind it are not begun, and the
 * training thread gets its exception as soon as it asks.
 */
final class StorageQueue implements AutoCloseable {
  /** How long a task may still take when the attempt ends by a failure of something else. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private static final Duration INTERRUPTED = Duration.ofSeconds(5);

  private final Run run;
  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(
          task -> Thread.ofPlatform().daemon().name("storage").unstarted(task));
  private final AtomicReference<@Nullable Throwable> failure = new AtomicReference<>();

  /** Makes an empty one. */
  StorageQueue(Run run) {
    this.run = run;
  }

  /**
   * Adds a task behind the others.
   *
   * @throws RuntimeException what a former one failed with
   */
  void add(Runnable task) {
    check();
    thread.execute(() -> perform(task));
  }

  private void perform(Runnable task) {
    if (failure.get() != null) {
      return;
    }
    try {
      task.run();
    } catch (RuntimeException | Error e) {
      fail(e);
    }
  }

  /** Ends the attempt by a failure that happened on another thread. */
  void fail(Throwable cause) {
    failure.compareAndSet(null, cause);
  }

  /** Returns whether the attempt cannot go on, so that a step need not be finished. */
  boolean hasFailed() {
    return failure.get() != null || run.isFenced();
  }

  /**
   * Does nothing while the attempt can go on.
   *
   * @throws Fenced once a newer attempt is known
   * @throws RuntimeException what a task failed with
   */
  void check() {
    Throwable cause = failure.get();
    if (cause instanceof RuntimeException exception) {
      throw exception;
    }
    if (cause instanceof Error error) {
      throw error;
    }
    run.check();
  }

  /**
   * Waits until all tasks are done.
   *
   * @throws RuntimeException what one failed with
   */
  void await() {
    Future<?> last = thread.submit(() -> {});
    try {
      last.get();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new StorageUnreachable("interrupted while waiting for what is being saved", e);
    } catch (ExecutionException e) {
      throw new IllegalStateException("a task that does nothing failed", e);
    }
    check();
  }

  /**
   * Ends the thread. When the attempt has failed, a save in flight has a short time to succeed, for
   * what it saves is good; nothing is waited for if nothing written would count.
   */
  @Override
  public void close() {
    thread.shutdown();
    try {
      Duration patience = run.isFenced() ? Duration.ZERO : PATIENCE;
      if (!thread.awaitTermination(patience.toSeconds(), TimeUnit.SECONDS)) {
        var _ = thread.shutdownNow();
        var _ = thread.awaitTermination(INTERRUPTED.toSeconds(), TimeUnit.SECONDS);
      }
    } catch (InterruptedException e) {
      var _ = thread.shutdownNow();
      Thread.currentThread().interrupt();
    }
  }
}
