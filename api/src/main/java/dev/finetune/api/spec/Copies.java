package dev.finetune.api.spec;

import java.util.Collections;
import java.util.Map;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Copies of maps whose order is the same in every process, unlike that of {@link Map#copyOf}. */
final class Copies {
  private Copies() {}

  /** Returns an unmodifiable copy sorted by key, or null for null. */
  static <V> @Nullable Map<String, V> sorted(@Nullable Map<String, V> map) {
    return map == null ? null : Collections.unmodifiableMap(new TreeMap<>(map));
  }
}
