package dev.finetune.trainer.source;

import dev.finetune.trainer.cache.Content;
import dev.finetune.trainer.cache.ContentCache;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.Downloaded;
import dev.finetune.trainer.storage.ObjectKey;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.Retry;
import dev.finetune.trainer.storage.S3Location;
import dev.finetune.trainer.storage.S3Store;
import dev.finetune.trainer.storage.StorageSettings;
import dev.finetune.trainer.storage.StoredObject;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Brings objects of S3 to the disk by way of the cache. The server is asked what it has, unless the
 * cache has all of what an earlier attempt read; then no request is made.
 */
final class S3Downloads {
  private final ContentCache cache;
  private final StorageSettings settings;
  private final Consumer<String> notices;

  S3Downloads(ContentCache cache, StorageSettings settings, Consumer<String> notices) {
    this.cache = cache;
    this.settings = settings;
    this.notices = notices;
  }

  /**
   * Returns what a URI names.
   *
   * @param expected what an earlier attempt of the run read, or null
   */
  Source fetch(String field, String uri, @Nullable SourceIdentity expected) {
    S3Location location = S3Location.parse(field, uri);
    Optional<Source> known = expected == null ? Optional.empty() : cached(field, uri, expected);
    return known.orElseGet(() -> ask(field, uri, location, expected));
  }

  /** Returns what the cache has of an identity, if it has all of it. */
  private Optional<Source> cached(String field, String uri, SourceIdentity expected) {
    Optional<CachedSource> found =
        cache.find(CachedSource.class, sourceKey(uri, expected.digest()));
    if (found.isEmpty() || !expected.matches(found.get().identity(field, uri))) {
      return Optional.empty();
    }
    Path view = viewOf(uri);
    boolean whole =
        new Parallel("cache-check-")
                .map(
                    found.get().files(),
                    file -> cache.use(file.content(), view.resolve(file.name())))
                .stream()
                .allMatch(there -> there);
    return whole ? Optional.of(source(field, uri, found.get(), view)) : Optional.empty();
  }

  private static Source source(String field, String uri, CachedSource files, Path view) {
    Path path = files.folder() ? view : view.resolve(files.files().getFirst().name());
    return new Source(path, files.identity(field, uri));
  }

  private Source ask(
      String field, String uri, S3Location location, @Nullable SourceIdentity expected) {
    try (ObjectStore bucket = S3Store.open(location.bucket(), "", settings)) {
      Listing listing = list(field, uri, location, bucket.retrying(settings.retry()));
      Source source = bring(field, uri, bucket, listing, true);
      if (expected == null || isOrBecame(source.identity(), expected)) {
        return source;
      }
      notices.accept(
          field
              + ": the cache "
              + cache.root()
              + " holds other bytes of the same ETags than this run began with; they are"
              + " downloaded again");
      return bring(field, uri, bucket, listing, false);
    }
  }

  /** A difference in the ETags is the server's doing, one below them the cache's. */
  private static boolean isOrBecame(SourceIdentity now, SourceIdentity expected) {
    return now.matches(expected) || !now.digest().equals(expected.digest());
  }

  /** What a server says that a URI names. */
  private record Listing(boolean folder, List<Named> objects) {}

  private record Named(String name, StoredObject object) {}

  private static Listing list(String field, String uri, S3Location location, ObjectStore bucket) {
    Optional<StoredObject> object =
        location.folder() || location.key().isEmpty()
            ? Optional.empty()
            : bucket.head(location.key());
    return object.isPresent()
        ? new Listing(false, List.of(new Named(lastName(object.get().key()), object.get())))
        : listFolder(field, uri, bucket, location.key());
  }

  private static Listing listFolder(String field, String uri, ObjectStore bucket, String key) {
    String prefix = key.isEmpty() ? "" : key + "/";
    List<StoredObject> listed = bucket.list(prefix);
    if (listed.isEmpty()) {
      throw new UnreadableData(field + ": no such object or folder: " + uri);
    }
    List<Named> objects = new ArrayList<>();
    for (StoredObject object : listed) {
      String name = object.key().substring(prefix.length());
      if (!ObjectKey.isValid(name)) {
        throw new UnreadableData(
            field + ": " + uri + " holds a name that is no path: " + ObjectKey.printable(name));
      }
      if (SourceFiles.matters(name)) {
        objects.add(new Named(name, object));
      }
    }
    SourceFiles.requireSome(field, uri, objects.size());
    return new Listing(true, objects);
  }

  /**
   * Takes from the cache what it has and downloads the rest.
   *
   * @param trusting whether to believe the index which bytes an object was
   */
  private Source bring(
      String field, String uri, ObjectStore bucket, Listing listing, boolean trusting) {
    Path view = viewOf(uri);
    ConcurrentSkipListMap<String, Content> brought = new ConcurrentSkipListMap<>();
    if (trusting) {
      new Parallel("cache-check-")
          .map(
              listing.objects(),
              named ->
                  known(bucket, named.object())
                      .filter(content -> cache.use(content, view.resolve(named.name())))
                      .map(content -> brought.put(named.name(), content)));
    }
    List<Named> missing =
        listing.objects().stream().filter(named -> !brought.containsKey(named.name())).toList();
    cache.makeRoom(uri, missing.stream().mapToLong(named -> named.object().bytes()).sum());
    new Parallel("download-")
        .map(
            missing,
            named ->
                brought.put(
                    named.name(),
                    download(field, bucket, named.object(), view.resolve(named.name()))));
    List<CachedSource.File> files =
        listing.objects().stream().map(named -> file(named, brought)).toList();
    // The key needs the digest, which needs the files.
    SourceIdentity identity = new CachedSource("", listing.folder(), files).identity(field, uri);
    CachedSource whole =
        new CachedSource(sourceKey(uri, identity.digest()), listing.folder(), files);
    cache.put(whole);
    return source(field, uri, whole, view);
  }

  @SuppressWarnings("NullAway") // Every object was brought.
  private static CachedSource.File file(
      Named named, ConcurrentSkipListMap<String, Content> brought) {
    return new CachedSource.File(
        named.name(),
        named.object().bytes(),
        unquoted(named.object().etag()),
        brought.get(named.name()).sha256());
  }

  private Optional<Content> known(ObjectStore bucket, StoredObject object) {
    return cache
        .find(CachedObject.class, objectKey(bucket, object))
        .map(CachedObject::content)
        .filter(content -> content.bytes() == object.bytes());
  }

  private Content download(String field, ObjectStore bucket, StoredObject object, Path name) {
    String location = bucket.location(ObjectKey.printable(object.key()));
    Retry.Attempts attempts = settings.retry().attempts("download " + location);
    while (true) {
      try {
        Content content = cache.add(name, target -> write(field, bucket, object, target));
        cache.put(new CachedObject(objectKey(bucket, object), content.sha256(), content.bytes()));
        return content;
      } catch (StorageUnreachable e) {
        // If it was the disk that was full, this makes room or says so.
        cache.makeRoom(location, object.bytes());
        attempts.failed(e);
      }
    }
  }

  private static Content write(String field, ObjectStore bucket, StoredObject object, Path target) {
    Downloaded downloaded =
        bucket
            .download(object.key(), target, object.bytes())
            .orElseThrow(() -> changed(field, bucket, object));
    if (downloaded.bytes() != object.bytes() || !downloaded.etag().equals(object.etag())) {
      throw changed(field, bucket, object);
    }
    return new Content(downloaded.sha256(), downloaded.bytes());
  }

  private static UnreadableData changed(String field, ObjectStore bucket, StoredObject object) {
    return new UnreadableData(
        field
            + ": "
            + bucket.location(ObjectKey.printable(object.key()))
            + " changed while it was downloaded");
  }

  /** Models are known by the name of their folder, so it is that of the URI. */
  private Path viewOf(String uri) {
    String name = lastName(uri.replaceAll("/+$", ""));
    return cache.newView().resolve(ObjectKey.isValid(name) ? name : "files");
  }

  private String sourceKey(String uri, String digest) {
    return endpoint() + "\n" + uri + "\n" + digest;
  }

  private String objectKey(ObjectStore bucket, StoredObject object) {
    return endpoint()
        + "\n"
        + bucket.location(object.key())
        + "\n"
        + unquoted(object.etag())
        + "\n"
        + object.bytes();
  }

  private String endpoint() {
    return settings.endpoint() == null ? "aws" : settings.endpoint().toString();
  }

  private static String lastName(String path) {
    return path.substring(path.lastIndexOf('/') + 1);
  }

  private static String unquoted(String etag) {
    return etag.replace("\"", "");
  }
}
