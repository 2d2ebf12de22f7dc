package dev.finetune.trainer.run;

import dev.finetune.api.run.Head;
import dev.finetune.trainer.storage.ObjectKey;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.Retry;
import java.time.Duration;
import java.util.Optional;

/**
 * Where a run is kept. The store belongs to the caller, who closes it after the run.
 *
 * @param store the store as opened, making each request once
 * @param folder folder of the run within the store, as {@code StorageLayout.runFolder} names it
 * @param settings the rules
 */
public record RunFolder(ObjectStore store, String folder, RunSettings settings) {
  private static final Duration LONGEST_REQUEST = Duration.ofSeconds(5);

  /** Checks the folder. */
  public RunFolder {
    ObjectKey.checkFolder(folder);
  }

  /**
   * Returns the head of the run, or empty if no attempt claimed it yet.
   *
   * @throws dev.finetune.trainer.failure.UnreadableData if it is broken
   * @throws dev.finetune.trainer.failure.StorageUnreachable if it cannot be read until the deadline
   */
  public Optional<Head> readHead() {
    return new HeadFile(this).read().map(HeadVersion::head);
  }

  /** Returns the URI of an object or folder of the run, for people. */
  public String location(String name) {
    return store.location(folder + name);
  }

  /** Returns the key of an object of the run within the store. */
  String key(String name) {
    return folder + name;
  }

  /** Returns a view on the store that repeats requests until the deadline. */
  ObjectStore patient() {
    return store.retrying(settings.retry());
  }

  /**
   * Returns a view on the store for what training must not wait for: it covers a dropped
   * connection, not an outage, and no server that hangs.
   */
  ObjectStore hasty() {
    Retry retry = settings.retry();
    return store
        .impatient(LONGEST_REQUEST)
        .retrying(new Retry(retry.first(), retry.longest(), Duration.ofSeconds(1)));
  }
}
