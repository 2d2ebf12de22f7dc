package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/**
 * Objects by name below one root. A key is a relative path with slashes; a folder is a prefix that
 * ends with a slash.
 *
 * <p>A store as opened makes each request once. {@link #retrying} gives one that repeats what may
 * be repeated. An object is visible whole or not at all.
 *
 * <p>Every method may throw {@link StorageUnreachable} if the world fails (network, server, disk)
 * and {@link InvalidConfiguration} if a retry cannot help (credentials, bucket, permissions); the
 * message names the setting. Keys that would leave the root are an {@link
 * IllegalArgumentException}. Implementations may be called by several threads.
 */
public interface ObjectStore extends AutoCloseable {
  /** The largest object that {@link #put} and the conditional writes take: 8 MiB. */
  int MAX_DOCUMENT_BYTES = 8 << 20;

  /**
   * Reads a small object whole.
   *
   * @param maxBytes largest size to accept, in bytes
   * @return empty if there is no such object
   * @throws UnreadableData if it is larger
   */
  Optional<Document> get(String key, int maxBytes);

  /**
   * Copies an object to a local file, which appears whole or not at all.
   *
   * @param target file to make or replace; its folder must exist
   * @param maxBytes largest size to accept, in bytes
   * @return empty if there is no such object
   * @throws UnreadableData if it is larger
   */
  Optional<Downloaded> download(String key, Path target, long maxBytes);

  /** Writes or replaces a small object and returns its ETag. */
  String put(String key, byte[] content);

  /** Writes or replaces an object of any size from a local file and returns its ETag. */
  String upload(String key, Path file);

  /** Writes an object unless there is one; among many writers exactly one succeeds. */
  ConditionalWrite putIfAbsent(String key, byte[] content);

  /**
   * Replaces an object if its ETag is still the given one; an absent object has none.
   *
   * @param etag as a former read or write returned it
   */
  ConditionalWrite putIfMatch(String key, byte[] content, String etag);

  /**
   * Lists the objects below a folder, at any depth, in ascending order of keys.
   *
   * @param folder ends with a slash, or is empty for all
   * @throws UnreadableData if there are more than 100000
   */
  List<StoredObject> list(String folder);

  /** Returns size and ETag of an object, or empty if there is none. */
  Optional<StoredObject> head(String key);

  /** Deletes an object; it is no error if there is none. */
  void delete(String key);

  /** Returns the URI of an object or folder, for people. */
  String location(String key);

  /** Gives up connections. */
  @Override
  void close();

  /**
   * Returns a view on this store that repeats reads, unconditional writes and deletes until the
   * deadline. Conditional writes are passed on once: only the caller can tell a lost answer from a
   * lost race. Closing the view closes this store.
   */
  default ObjectStore retrying(Retry retry) {
    return new RetryingStore(this, retry);
  }

  /**
   * Returns a view on this store for callers who must not wait: a request that takes longer than
   * the limit has failed as if there were no answer, whatever it still does. A store whose requests
   * cannot hang returns itself. Closing the view closes this store.
   *
   * @param limit longest time for a request as a whole
   */
  default ObjectStore impatient(Duration limit) {
    return this;
  }

  /**
   * Gives up uploads in parts that nobody finishes: their parts take room and no listing shows
   * them. At most 1000 are given up by one call.
   *
   * @param folder folder below which they are, ending with a slash
   * @param startedBefore only those that are older
   * @return how many were given up; a store without such uploads returns 0
   */
  default int abandonUploads(String folder, Instant startedBefore) {
    return 0;
  }

  /**
   * Begins an upload in parts, sends one part and gives the upload up, to find out whether the
   * store can.
   *
   * @param key key of the object that does not come to be
   * @return whether the store takes large files in parts; one that writes files does not need to
   */
  default boolean rehearseParts(String key) {
    return false;
  }

  /**
   * Returns by how much the clock of this machine is ahead of the store's, to a second or two;
   * empty if the store has no clock of its own.
   */
  default Optional<Duration> clockDifference() {
    return Optional.empty();
  }
}
