package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.StorageUnreachable;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/** Objects in memory, for tests that make many stores. */
public final class MemoryStore implements ObjectStore {
  private record Version(byte[] content, String etag) {}

  private final SortedMap<String, Version> objects = new TreeMap<>();
  private long versions;

  @Override
  public synchronized Optional<Document> get(String key, int maxBytes) {
    Version version = objects.get(ObjectKey.check(key));
    if (version != null && version.content().length > maxBytes) {
      throw LocalFile.tooLarge(location(key), maxBytes);
    }
    return Optional.ofNullable(version).map(v -> new Document(v.content().clone(), v.etag()));
  }

  @Override
  public synchronized Optional<Downloaded> download(String key, Path target, long maxBytes) {
    Version version = objects.get(ObjectKey.check(key));
    if (version == null) {
      return Optional.empty();
    }
    try {
      return Optional.of(
          LocalFile.receive(
              location(key),
              new ByteArrayInputStream(version.content()),
              version.etag(),
              target,
              maxBytes));
    } catch (IOException e) {
      throw new StorageUnreachable("test", e);
    }
  }

  @Override
  public synchronized String put(String key, byte[] content) {
    Version version = new Version(content.clone(), "v" + ++versions);
    objects.put(ObjectKey.check(key), version);
    return version.etag();
  }

  @Override
  public String upload(String key, Path file) {
    try {
      return put(key, Files.readAllBytes(file));
    } catch (IOException e) {
      throw new StorageUnreachable("test", e);
    }
  }

  @Override
  public synchronized ConditionalWrite putIfAbsent(String key, byte[] content) {
    return objects.containsKey(key)
        ? new ConditionalWrite.PreconditionFailed()
        : new ConditionalWrite.Written(put(key, content));
  }

  @Override
  public synchronized ConditionalWrite putIfMatch(String key, byte[] content, String etag) {
    Version version = objects.get(ObjectKey.check(key));
    return version == null || !version.etag().equals(etag)
        ? new ConditionalWrite.PreconditionFailed()
        : new ConditionalWrite.Written(put(key, content));
  }

  @Override
  public synchronized List<StoredObject> list(String folder) {
    ObjectKey.checkFolder(folder);
    return objects.entrySet().stream()
        .filter(object -> object.getKey().startsWith(folder))
        .map(o -> new StoredObject(o.getKey(), o.getValue().content().length, o.getValue().etag()))
        .toList();
  }

  @Override
  public synchronized Optional<StoredObject> head(String key) {
    return Optional.ofNullable(objects.get(ObjectKey.check(key)))
        .map(version -> new StoredObject(key, version.content().length, version.etag()));
  }

  @Override
  public synchronized void delete(String key) {
    objects.remove(ObjectKey.check(key));
  }

  @Override
  public String location(String key) {
    return "memory:" + key;
  }

  @Override
  public void close() {
    // The objects go with the store.
  }
}
