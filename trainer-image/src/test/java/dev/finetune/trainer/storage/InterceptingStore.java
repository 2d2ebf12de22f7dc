package dev.finetune.trainer.storage;

import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;

/** Passes every request to another store by way of one method, which may do otherwise. */
public abstract class InterceptingStore extends ForwardingStore {
  protected InterceptingStore(ObjectStore store) {
    super(store);
  }

  /**
   * Makes a request, or not.
   *
   * @param name its verb, a space, and the key or folder
   */
  protected abstract <T> T request(String name, Supplier<T> request);

  @Override
  public Optional<Document> get(String key, int maxBytes) {
    return request("get " + key, () -> super.get(key, maxBytes));
  }

  @Override
  public Optional<Downloaded> download(String key, Path target, long maxBytes) {
    return request("download " + key, () -> super.download(key, target, maxBytes));
  }

  @Override
  public String put(String key, byte[] content) {
    return request("put " + key, () -> super.put(key, content));
  }

  @Override
  public String upload(String key, Path file) {
    return request("upload " + key, () -> super.upload(key, file));
  }

  @Override
  public ConditionalWrite putIfAbsent(String key, byte[] content) {
    return request("putIfAbsent " + key, () -> super.putIfAbsent(key, content));
  }

  @Override
  public ConditionalWrite putIfMatch(String key, byte[] content, String etag) {
    return request("putIfMatch " + key, () -> super.putIfMatch(key, content, etag));
  }

  @Override
  public List<StoredObject> list(String folder) {
    return request("list " + folder, () -> super.list(folder));
  }

  @Override
  public Optional<StoredObject> head(String key) {
    return request("head " + key, () -> super.head(key));
  }

  @Override
  public void delete(String key) {
    request(
        "delete " + key,
        () -> {
          super.delete(key);
          return key;
        });
  }
}
