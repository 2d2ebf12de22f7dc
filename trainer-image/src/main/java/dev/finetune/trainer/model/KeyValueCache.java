package dev.finetune.trainer.model;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Keys and values of the tokens of one sequence, so that the next token costs one token's work.
 * Memory is taken for twice as many tokens whenever it is full.
 */
public final class KeyValueCache implements AutoCloseable {
  private static final long LEAST_CAPACITY = 64;

  private final Kernels kernels;
  private final List<Entry> layers = new ArrayList<>();

  /** Keys and values of a layer (capacity, heads, size), the first of which count. */
  private record Entry(Scope scope, Tensor keys, Tensor values, long tokens) {
    boolean hasRoom(long more) {
      return more <= keys.size(0) - tokens;
    }
  }

  /** All keys and values of a layer so far (T, heads, size), in the cache's memory. */
  record Attendable(Tensor keys, Tensor values) {}

  /** Makes an empty cache. */
  public KeyValueCache(Kernels kernels) {
    this.kernels = kernels;
  }

  /**
   * Adds keys and values of new tokens and returns all.
   *
   * @param scope owner of what is returned, which must not be used after the cache has changed
   */
  Attendable append(Scope scope, int layer, Tensor keys, Tensor values) {
    Entry before = layer < layers.size() ? layers.get(layer) : null;
    long tokens = before == null ? 0 : before.tokens();
    long more = keys.size(0);
    Entry entry = before;
    if (entry == null || !entry.hasRoom(more)) {
      entry = grown(before, keys, tokens + more);
    }
    Entry longer = new Entry(entry.scope(), entry.keys(), entry.values(), tokens + more);
    if (before == null) {
      layers.add(longer);
    } else {
      layers.set(layer, longer);
    }
    return new Attendable(
        kernels.append(scope, longer.keys(), tokens, keys),
        kernels.append(scope, longer.values(), tokens, values));
  }

  private Entry grown(@Nullable Entry before, Tensor like, long tokens) {
    long capacity = Math.max(LEAST_CAPACITY, Long.highestOneBit(tokens - 1) << 1);
    long[] shape = {capacity, like.size(1), like.size(2)};
    Scope scope = new Scope();
    boolean done = false;
    try (Scope temporary = new Scope()) {
      Tensor keys = kernels.engine().empty(scope, kernels.type(), shape);
      Tensor values = kernels.engine().empty(scope, kernels.type(), shape);
      if (before != null) {
        kernels.append(temporary, keys, 0, before.keys());
        kernels.append(temporary, values, 0, before.values());
        before.scope().close();
      }
      done = true;
      return new Entry(scope, keys, values, tokens);
    } finally {
      if (!done) {
        scope.close();
      }
    }
  }

  @Override
  public void close() {
    layers.forEach(entry -> entry.scope().close());
    layers.clear();
  }
}
