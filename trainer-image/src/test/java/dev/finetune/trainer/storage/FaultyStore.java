package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.StorageUnreachable;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;

/** A store that fails when a test says so, and remembers what it was asked. */
public final class FaultyStore extends InterceptingStore {
  /** How a request goes wrong. */
  public enum Fault {
    /** It does not. */
    NONE,
    /** The request does not arrive. */
    FAIL,
    /** The request arrives and its answer does not. */
    LOSE_ANSWER,
    /** The process ends before the request. */
    CRASH
  }

  /** Chooses the fault of a request. */
  public interface Plan {
    /**
     * Returns the fault.
     *
     * @param request the method, a space and the key
     */
    Fault fault(String request);
  }

  /** The end of a process. */
  public static final class Crash extends RuntimeException {
    private static final long serialVersionUID = 1L;
  }

  private final List<String> requests = new ArrayList<>();
  private volatile Plan plan = request -> Fault.NONE;

  /** Makes one that does not fail yet. */
  public FaultyStore(ObjectStore store) {
    super(store);
  }

  /** Sets what goes wrong from now on. */
  public void plan(Plan plan) {
    this.plan = plan;
  }

  /** Sets that the next request with such a name goes wrong, and only that one. */
  public void once(Fault fault, String requestPattern) {
    boolean[] done = new boolean[1];
    plan(
        request -> {
          if (!done[0] && request.matches(requestPattern)) {
            done[0] = true;
            return fault;
          }
          return Fault.NONE;
        });
  }

  /** Returns and forgets the requests so far. */
  public synchronized List<String> takeRequests() {
    List<String> taken = List.copyOf(requests);
    requests.clear();
    return taken;
  }

  @Override
  public ConditionalWrite putIfAbsent(String key, byte[] content) {
    return conditional(() -> super.putIfAbsent(key, content));
  }

  @Override
  public ConditionalWrite putIfMatch(String key, byte[] content, String etag) {
    return conditional(() -> super.putIfMatch(key, content, etag));
  }

  private static ConditionalWrite conditional(Supplier<ConditionalWrite> write) {
    try {
      return write.get();
    } catch (StorageUnreachable e) {
      return new ConditionalWrite.Unanswered(e);
    }
  }

  @Override
  protected <T> T request(String name, Supplier<T> request) {
    synchronized (this) {
      requests.add(name);
    }
    return switch (plan.fault(name)) {
      case NONE -> request.get();
      case FAIL -> throw new StorageUnreachable("HTTP 503 for " + name);
      case LOSE_ANSWER -> {
        var _ = request.get();
        throw new StorageUnreachable("connection reset in " + name);
      }
      case CRASH -> throw new Crash();
    };
  }
}
