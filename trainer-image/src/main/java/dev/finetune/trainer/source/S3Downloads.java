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
import java.util.Comparator;
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
   * What is asked for.
   *
   * @param field field of the job
   * @param uri as written in it
   * @param location that is in it; the folder, for a pattern
   * @param pattern which files of the folder are meant, or null
   */
  record Request(String field, String uri, S3Location location, @Nullable FilePattern pattern) {
    /** Reads a URI. */
    static Request of(String field, String uri, @Nullable FilePattern pattern) {
      String place = pattern == null ? uri : pattern.folder();
      return new Request(field, uri, S3Location.parse(field, place), pattern);
    }
  }

  /**
   * Returns what a URI names.
   *
   * @param expected what an earlier attempt of the run read, or null
   */
  Source fetch(Request request, @Nullable SourceIdentity expected) {
    Optional<Source> known = expected == null ? Optional.empty() : cached(request, expected);
    return known.orElseGet(() -> ask(request, expected));
  }

  /** Returns what the cache has of an identity, if it has all of it. */
  private Optional<Source> cached(Request request, SourceIdentity expected) {
    Optional<CachedSource> found =
        cache.find(CachedSource.class, sourceKey(request.uri, expected.digest()));
    if (found.isEmpty() || !expected.matches(found.get().identity(request.field, request.uri))) {
      return Optional.empty();
    }
    Path view = viewOf(request);
    boolean whole =
        new Parallel("cache-check-")
                .map(
                    found.get().files(),
                    file -> cache.use(file.content(), view.resolve(file.name())))
                .stream()
                .allMatch(there -> there);
    return whole ? Optional.of(source(request, found.get(), view)) : Optional.empty();
  }

  private static Source source(Request request, CachedSource files, Path view) {
    SourceIdentity identity = files.identity(request.field, request.uri);
    if (request.pattern != null) {
      List<Path> paths = files.files().stream().map(file -> view.resolve(file.name())).toList();
      return new Source(view, paths, identity);
    }
    Path path = files.folder() ? view : view.resolve(files.files().getFirst().name());
    return new Source(path, identity);
  }

  private Source ask(Request request, @Nullable SourceIdentity expected) {
    try (ObjectStore bucket = S3Store.open(request.location.bucket(), "", settings)) {
      Listing listing = list(request, bucket.retrying(settings.retry()));
      Source source = bring(request, bucket, listing, true);
      if (expected == null || isOrBecame(source.identity(), expected)) {
        return source;
      }
      notices.accept(
          request.field
              + ": the cache "
              + cache.root()
              + " holds other bytes of the same ETags than this run began with; they are"
              + " downloaded again");
      return bring(request, bucket, listing, false);
    }
  }

  /** A difference in the ETags is the server's doing, one below them the cache's. */
  private static boolean isOrBecame(SourceIdentity now, SourceIdentity expected) {
    return now.matches(expected) || !now.digest().equals(expected.digest());
  }

  /** What a server says that a URI names. */
  private record Listing(boolean folder, List<Named> objects) {}

  private record Named(String name, StoredObject object) {}

  private static Listing list(Request request, ObjectStore bucket) {
    S3Location location = request.location;
    if (request.pattern != null) {
      return new Listing(true, listPattern(request, request.pattern, bucket));
    }
    Optional<StoredObject> object =
        location.folder() || location.key().isEmpty()
            ? Optional.empty()
            : bucket.head(location.key());
    return object.isPresent()
        ? new Listing(false, List.of(new Named(lastName(object.get().key()), object.get())))
        : listFolder(request.field, request.uri, bucket, location.key());
  }

  private static List<Named> listPattern(Request request, FilePattern pattern, ObjectStore bucket) {
    String key = request.location.key();
    String prefix = key.isEmpty() ? "" : key + "/";
    List<Named> objects =
        bucket.list(prefix).stream()
            .map(object -> new Named(object.key().substring(prefix.length()), object))
            .filter(named -> !named.name().contains("/") && pattern.matches(named.name()))
            .sorted(Comparator.comparing(Named::name))
            .toList();
    FilePattern.requireSome(request.field, request.uri, objects.size());
    for (Named named : objects) {
      requirePath(request.field, request.uri, named.name());
    }
    return objects;
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
      requirePath(field, uri, name);
      if (SourceFiles.matters(name)) {
        objects.add(new Named(name, object));
      }
    }
    SourceFiles.requireSome(field, uri, objects.size());
    return new Listing(true, objects);
  }

  private static void requirePath(String field, String uri, String name) {
    if (!ObjectKey.isValid(name)) {
      throw new UnreadableData(
          field + ": " + uri + " holds a name that is no path: " + ObjectKey.printable(name));
    }
  }

  /**
   * Takes from the cache what it has and downloads the rest.
   *
   * @param trusting whether to believe the index which bytes an object was
   */
  private Source bring(Request request, ObjectStore bucket, Listing listing, boolean trusting) {
    Path view = viewOf(request);
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
    cache.makeRoom(request.uri, missing.stream().mapToLong(named -> named.object().bytes()).sum());
    new Parallel("download-")
        .map(
            missing,
            named ->
                brought.put(
                    named.name(),
                    download(request.field, bucket, named.object(), view.resolve(named.name()))));
    List<CachedSource.File> files =
        listing.objects().stream().map(named -> file(named, brought)).toList();
    // The key needs the digest, which needs the files.
    SourceIdentity identity =
        new CachedSource("", listing.folder(), files).identity(request.field, request.uri);
    CachedSource whole =
        new CachedSource(sourceKey(request.uri, identity.digest()), listing.folder(), files);
    cache.put(whole);
    return source(request, whole, view);
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
  private Path viewOf(Request request) {
    String uri = request.uri.replaceAll("/+$", "");
    String name = request.pattern == null ? lastName(uri) : "files";
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
