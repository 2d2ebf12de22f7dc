package dev.finetune.trainer.source;

import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.source.SourceFiles.FileIdentity;
import dev.finetune.trainer.storage.Downloaded;
import dev.finetune.trainer.storage.LocalFolders;
import dev.finetune.trainer.storage.ObjectKey;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.Retry;
import dev.finetune.trainer.storage.S3Location;
import dev.finetune.trainer.storage.S3Store;
import dev.finetune.trainer.storage.Sha256;
import dev.finetune.trainer.storage.StorageSettings;
import dev.finetune.trainer.storage.StoredObject;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.UUID;

/**
 * Downloads from S3, kept in a folder for each (endpoint, URI, ETags). A folder appears whole, by a
 * rename, so that one that is there can be used.
 */
final class S3Cache {
  private final Path folder;
  private final StorageSettings settings;
  private final Retry retry;

  S3Cache(Path folder, StorageSettings settings, Retry retry) {
    this.folder = folder;
    this.settings = settings;
    this.retry = retry;
  }

  Source fetch(String field, String uri) {
    S3Location location = S3Location.parse(field, uri);
    try (ObjectStore bucket = S3Store.open(location.bucket(), "", settings).retrying(retry)) {
      Optional<StoredObject> object =
          location.folder() || location.key().isEmpty()
              ? Optional.empty()
              : bucket.head(location.key());
      return object.isPresent()
          ? fetchObject(field, uri, bucket, object.get())
          : fetchFolder(field, uri, bucket, location.key());
    }
  }

  private Source fetchObject(String field, String uri, ObjectStore bucket, StoredObject object) {
    String name = object.key().substring(object.key().lastIndexOf('/') + 1);
    SourceIdentity identity =
        new SourceIdentity(uri, "etag:" + unquoted(object.etag()), object.bytes());
    Path cached = cached(field, identity, bucket, Map.of(name, object));
    return new Source(cached.resolve(name), identity);
  }

  private Source fetchFolder(String field, String uri, ObjectStore bucket, String key) {
    String prefix = key.isEmpty() ? "" : key + "/";
    List<StoredObject> listed = bucket.list(prefix);
    if (listed.isEmpty()) {
      throw new UnreadableData(field + ": no such object or folder: " + uri);
    }
    SortedMap<String, StoredObject> objects = new TreeMap<>();
    SortedMap<String, FileIdentity> identities = new TreeMap<>();
    for (StoredObject object : listed) {
      String name = object.key().substring(prefix.length());
      if (!ObjectKey.isValid(name)) {
        throw new UnreadableData(
            field + ": " + uri + " holds a name that is no path: " + ObjectKey.printable(name));
      }
      if (SourceFiles.matters(name)) {
        objects.put(name, object);
        identities.put(name, new FileIdentity(object.bytes(), "etag:" + unquoted(object.etag())));
      }
    }
    SourceIdentity identity = SourceFiles.of(field, uri, identities);
    return new Source(cached(field, identity, bucket, objects), identity);
  }

  private Path cached(
      String field,
      SourceIdentity identity,
      ObjectStore bucket,
      Map<String, StoredObject> objects) {
    String name = settings.endpoint() + "\n" + identity.uri() + "\n" + identity.digest();
    Path target = folder.resolve(Sha256.of(name.getBytes(StandardCharsets.UTF_8)).substring(0, 32));
    if (Files.isDirectory(target)) {
      return target;
    }
    Path partial = folder.resolve(".partial-" + UUID.randomUUID());
    try {
      Files.createDirectories(partial);
      checkSpace(identity);
      for (Map.Entry<String, StoredObject> object : objects.entrySet()) {
        download(field, bucket, object.getValue(), partial.resolve(object.getKey()));
      }
      moveIntoPlace(partial, target);
      return target;
    } catch (IOException e) {
      throw new StorageUnreachable(
          field + ": cannot write the cache " + folder + ": " + e.getMessage(), e);
    } finally {
      LocalFolders.deleteQuietly(partial);
    }
  }

  private static void download(String field, ObjectStore bucket, StoredObject object, Path target)
      throws IOException {
    Path parent = target.getParent();
    if (parent != null) {
      Files.createDirectories(parent);
    }
    Downloaded downloaded =
        bucket
            .download(object.key(), target, object.bytes())
            .orElseThrow(() -> changed(field, bucket, object));
    if (downloaded.bytes() != object.bytes() || !downloaded.etag().equals(object.etag())) {
      throw changed(field, bucket, object);
    }
  }

  private static UnreadableData changed(String field, ObjectStore bucket, StoredObject object) {
    return new UnreadableData(
        field
            + ": "
            + bucket.location(ObjectKey.printable(object.key()))
            + " changed while it was downloaded");
  }

  private void checkSpace(SourceIdentity identity) throws IOException {
    long free = Files.getFileStore(folder).getUsableSpace();
    if (free < identity.bytes()) {
      throw new StorageUnreachable(
          "cache "
              + folder
              + ": needs "
              + identity.bytes()
              + " bytes for "
              + identity.uri()
              + ", "
              + free
              + " are free");
    }
  }

  private static void moveIntoPlace(Path partial, Path target) throws IOException {
    try {
      Files.move(partial, target, StandardCopyOption.ATOMIC_MOVE);
    } catch (FileAlreadyExistsException | DirectoryNotEmptyException e) {
      // Another process was faster with the same bytes.
      if (!Files.isDirectory(target)) {
        throw e;
      }
    }
  }

  private static String unquoted(String etag) {
    return etag.replace("\"", "");
  }
}
