package dev.finetune.embedded.faultproxy;

import java.time.Duration;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/**
 * One request that the proxy keeps, so that a test can do something at exactly that moment, such as
 * kill the client.
 */
public final class Hold {
  private final Moment moment;
  private final CompletableFuture<ProxiedRequest> caught = new CompletableFuture<>();
  private final CountDownLatch released = new CountDownLatch(1);

  Hold(Moment moment) {
    this.moment = moment;
  }

  /**
   * Waits until a request is kept and returns it.
   *
   * @throws TimeoutException if none came in time
   */
  public ProxiedRequest await(Duration atMost) throws InterruptedException, TimeoutException {
    try {
      return caught.get(atMost.toMillis(), TimeUnit.MILLISECONDS);
    } catch (ExecutionException e) {
      throw new IllegalStateException("nothing completes a hold with a failure", e);
    }
  }

  /** Returns whether a request is, or was, kept. */
  public boolean caught() {
    return caught.isDone();
  }

  /** Lets the request go on, or the next one pass. */
  public void release() {
    released.countDown();
  }

  Moment moment() {
    return moment;
  }

  /** Keeps the calling thread. */
  void keep(ProxiedRequest request) throws InterruptedException {
    caught.complete(request);
    released.await();
  }
}
