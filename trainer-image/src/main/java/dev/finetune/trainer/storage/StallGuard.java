package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.StorageUnreachable;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Duration;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * Gives up requests that do not move. A socket's own time-out sees neither a server that stops
 * reading what is sent nor one that sends a byte now and then; a limit on the whole request would
 * forbid large transfers. So each request runs on a virtual thread, whose socket is closed by an
 * interrupt, and has to move 64 KiB, or to end, within each period of silence. What is given up may
 * still reach the store.
 *
 * @param silence longest time without progress
 */
public record StallGuard(Duration silence) {
  /** Bytes that count as progress; fewer do not, or one byte a minute would be enough. */
  private static final long PROGRESS_BYTES = 64 << 10;

  /** Time for an interrupted request to let go of its files. */
  private static final Duration LETTING_GO = Duration.ofSeconds(1);

  /** A request that tells how much it moved. */
  public interface Request<T> {
    T run(Activity activity);
  }

  /** What a request has moved so far. */
  public static final class Activity {
    private long pending;
    private long latest = System.nanoTime();

    private Activity() {}

    /** Counts bytes that were read or sent. */
    public synchronized void moved(long bytes) {
      pending += bytes;
      if (pending >= PROGRESS_BYTES) {
        pending = 0;
        latest = System.nanoTime();
      }
    }

    private synchronized Duration idle() {
      return Duration.ofNanos(System.nanoTime() - latest);
    }

    /** Returns a view on a stream that counts what is read. */
    public InputStream counting(InputStream in) {
      return new FilterInputStream(in) {
        @Override
        public int read() throws IOException {
          int b = in.read();
          moved(b < 0 ? 0 : 1);
          return b;
        }

        @Override
        public int read(byte[] buffer, int offset, int length) throws IOException {
          int n = in.read(buffer, offset, length);
          moved(Math.max(0, n));
          return n;
        }
      };
    }
  }

  /**
   * Makes a request and returns what it does.
   *
   * @param what names the request in the message, such as {@code read s3://bucket/key}
   * @throws StorageUnreachable if it does not move for too long; what the request throws otherwise
   */
  public <T> T call(String what, Request<T> request) {
    Activity activity = new Activity();
    FutureTask<T> task = new FutureTask<>(() -> request.run(activity));
    Thread worker = Thread.ofVirtual().name("storage").start(task);
    try {
      for (Duration left = silence; left.isPositive(); left = silence.minus(activity.idle())) {
        try {
          return task.get(left.toNanos(), TimeUnit.NANOSECONDS);
        } catch (TimeoutException e) {
          // It may have moved meanwhile.
          continue;
        }
      }
      worker.interrupt();
      return task.get(LETTING_GO.toNanos(), TimeUnit.NANOSECONDS);
    } catch (TimeoutException e) {
      throw stalled(what, e);
    } catch (InterruptedException e) {
      worker.interrupt();
      Thread.currentThread().interrupt();
      throw new StorageUnreachable("cannot " + what + ": interrupted", e);
    } catch (ExecutionException e) {
      if (worker.isInterrupted() || !silence.minus(activity.idle()).isPositive()) {
        throw stalled(what, e);
      }
      throw rethrown(e);
    }
  }

  private StorageUnreachable stalled(String what, Exception cause) {
    return new StorageUnreachable(
        "cannot " + what + ": no answer and no progress for " + silence.toMillis() + " ms", cause);
  }

  private static RuntimeException rethrown(ExecutionException e) {
    return switch (e.getCause()) {
      case RuntimeException exception -> exception;
      case Error error -> throw error;
      case null, default -> new IllegalStateException(e);
    };
  }
}
