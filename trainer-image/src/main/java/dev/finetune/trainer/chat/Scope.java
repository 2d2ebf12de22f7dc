package dev.finetune.trainer.chat;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Variables by name, within the variables around them. */
final class Scope {
  private final @Nullable Scope outer;
  private final Map<String, Object> values;

  /** Makes the outermost one. */
  Scope(Map<String, Object> values) {
    this(null, new HashMap<>(values));
  }

  private Scope(@Nullable Scope outer, Map<String, Object> values) {
    this.outer = outer;
    this.values = values;
  }

  /** Returns an empty one within this. */
  Scope inner() {
    return new Scope(this, new HashMap<>());
  }

  /** Returns what a name stands for. */
  Object get(String name) {
    for (Scope scope = this; scope != null; scope = scope.outer) {
      Object value = scope.values.get(name);
      if (value != null) {
        return value;
      }
    }
    return new Undefined(name);
  }

  /** Gives a name a value here; what is around does not change. */
  void set(String name, Object value) {
    values.put(name, value);
  }
}
