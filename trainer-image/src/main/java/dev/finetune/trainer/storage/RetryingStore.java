package dev.finetune.trainer.storage;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Optional;

/** Repeats what may be repeated: everything but conditional writes. */
final class RetryingStore implements ObjectStore {
  private final ObjectStore store;
  private final Retry retry;

  RetryingStore(ObjectStore store, Retry retry) {
    this.store = store;
    this.retry = retry;
  }

  @Override
  public Optional<Document> get(String key, int maxBytes) {
    return retry.call("read " + location(key), () -> store.get(key, maxBytes));
  }

  @Override
  public Optional<Downloaded> download(String key, Path target, long maxBytes) {
    return retry.call("read " + location(key), () -> store.download(key, target, maxBytes));
  }

  @Override
  public String put(String key, byte[] content) {
    return retry.call("write " + location(key), () -> store.put(key, content));
  }

  @Override
  public String upload(String key, Path file) {
    return retry.call("write " + location(key), () -> store.upload(key, file));
  }

  @Override
  public ConditionalWrite putIfAbsent(String key, byte[] content) {
    return store.putIfAbsent(key, content);
  }

  @Override
  public ConditionalWrite putIfMatch(String key, byte[] content, String etag) {
    return store.putIfMatch(key, content, etag);
  }

  @Override
  public List<StoredObject> list(String folder) {
    return retry.call("list " + location(folder), () -> store.list(folder));
  }

  @Override
  public Optional<StoredObject> head(String key) {
    return retry.call("look up " + location(key), () -> store.head(key));
  }

  @Override
  public void delete(String key) {
    retry.call(
        "delete " + location(key),
        () -> {
          store.delete(key);
          return key;
        });
  }

  @Override
  public ObjectStore impatient(Duration limit) {
    return new RetryingStore(store.impatient(limit), retry);
  }

  @Override
  public int abandonUploads(String folder, Instant startedBefore) {
    return retry.call(
        "abandon uploads below " + location(folder),
        () -> store.abandonUploads(folder, startedBefore));
  }

  @Override
  public boolean rehearseParts(String key) {
    return retry.call("write in parts " + location(key), () -> store.rehearseParts(key));
  }

  @Override
  public Optional<Duration> clockDifference() {
    return retry.call("list " + location(""), store::clockDifference);
  }

  @Override
  public String location(String key) {
    return store.location(key);
  }

  @Override
  public void close() {
    store.close();
  }
}
