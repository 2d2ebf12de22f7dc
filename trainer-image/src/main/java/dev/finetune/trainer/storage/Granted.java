package dev.finetune.trainer.storage;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * What a store has let this process do so far. Credentials that never worked are the user's
 * mistake; credentials that worked and are refused now are being replaced, and new ones may come.
 */
final class Granted {
  /** What is allowed or not by itself. */
  enum Action {
    READ,
    LIST,
    WRITE,
    DELETE
  }

  private final Set<Action> done = ConcurrentHashMap.newKeySet();

  /** Remembers that an action was answered, be it that there is no such object. */
  void add(Action action) {
    done.add(action);
  }

  /** Returns whether the credentials worked for anything. */
  boolean anything() {
    return !done.isEmpty();
  }

  /** Returns whether the action was allowed before. */
  boolean has(Action action) {
    return done.contains(action);
  }
}
