package dev.finetune.trainer.model;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import java.util.ArrayList;
import java.util.List;

/** Keys and values of the tokens of one sequence, so that the next token costs one token's work. */
public final class KeyValueCache implements AutoCloseable {
  private final Kernels kernels;
  private final List<Entry> layers = new ArrayList<>();

  /** Keys and values of a layer (T, heads, size), and who owns them. */
  private record Entry(Scope scope, Tensor keys, Tensor values) {}

  /** All keys and values of a layer so far; owned by the cache. */
  record Attendable(Tensor keys, Tensor values) {}

  /** Makes an empty cache. */
  public KeyValueCache(Kernels kernels) {
    this.kernels = kernels;
  }

  /** Adds keys and values of new tokens and returns all. */
  Attendable append(int layer, Tensor keys, Tensor values) {
    Scope scope = new Scope();
    Entry entry;
    if (layer == layers.size()) {
      entry = new Entry(scope, kernels.copy(scope, keys), kernels.copy(scope, values));
      layers.add(entry);
    } else {
      Entry before = layers.get(layer);
      entry =
          new Entry(
              scope,
              kernels.concatenate(scope, before.keys(), keys),
              kernels.concatenate(scope, before.values(), values));
      layers.set(layer, entry);
      before.scope().close();
    }
    return new Attendable(entry.keys(), entry.values());
  }

  @Override
  public void close() {
    layers.forEach(entry -> entry.scope().close());
    layers.clear();
  }
}
