package dev.finetune.trainer.storage;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** Passes every call on; a test overrides what it wants to go wrong. */
public abstract class ForwardingStore implements ObjectStore {
  private final ObjectStore store;

  protected ForwardingStore(ObjectStore store) {
    this.store = store;
  }

  @Override
  public Optional<Document> get(String key, int maxBytes) {
    return store.get(key, maxBytes);
  }

  @Override
  public Optional<Downloaded> download(String key, Path target, long maxBytes) {
    return store.download(key, target, maxBytes);
  }

  @Override
  public String put(String key, byte[] content) {
    return store.put(key, content);
  }

  @Override
  public String upload(String key, Path file) {
    return store.upload(key, file);
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
    return store.list(folder);
  }

  @Override
  public Optional<StoredObject> head(String key) {
    return store.head(key);
  }

  @Override
  public void delete(String key) {
    store.delete(key);
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
