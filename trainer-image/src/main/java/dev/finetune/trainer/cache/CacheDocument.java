package dev.finetune.trainer.cache;

/**
 * A small record that is kept as JSON in a cache, by its type and key. It is read from a volume
 * that others may write to, so nothing of it may be believed unchecked.
 */
public interface CacheDocument {
  /** Returns the key that it was put under. */
  String key();

  /** Returns whether every field is there and in its range. */
  boolean sound();
}
