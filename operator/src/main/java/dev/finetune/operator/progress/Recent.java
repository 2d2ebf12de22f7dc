package dev.finetune.operator.progress;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** Keeps what belongs to the jobs that were looked at last, and forgets the others. */
final class Recent<V> extends LinkedHashMap<String, V> {
  private static final long serialVersionUID = 1;
  private static final int MAXIMUM = 10_000;

  private Recent() {
    super(16, 0.75f, true);
  }

  /** Returns a map that may be used by many threads. */
  static <V> Map<String, V> map() {
    return Collections.synchronizedMap(new Recent<>());
  }

  @Override
  protected boolean removeEldestEntry(Map.Entry<String, V> eldest) {
    return size() > MAXIMUM;
  }
}
