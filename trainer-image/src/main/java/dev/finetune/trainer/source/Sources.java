package dev.finetune.trainer.source;

import dev.finetune.trainer.cache.CacheLimit;
import dev.finetune.trainer.cache.ContentCache;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.ObjectKey;
import dev.finetune.trainer.storage.ObjectStores;
import dev.finetune.trainer.storage.StorageSettings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Brings what a URI names to the local disk:
 *
 * <ul>
 *   <li>{@code file:path}, relative to the working folder or absolute, a file or a folder: read in
 *       place;
 *   <li>{@code s3://bucket/key}, an object, or a folder if the key names none: downloaded into the
 *       cache, once for each ETag;
 *   <li>{@code pvc://claim/path}: read in place below the folder where the claims are mounted;
 *   <li>{@code hf://OWNER/NAME} for a model and {@code hf://datasets/OWNER/NAME/PATH} for rows:
 *       downloaded into the cache, once for each commit.
 * </ul>
 *
 * Of a folder, files with the suffixes of models and data count, hidden ones do not.
 *
 * <p>Closed once nothing is read any more of what was fetched: downloads have their names only as
 * long.
 */
public final class Sources implements AutoCloseable {
  /** Variable with the folder of the cache. */
  public static final String CACHE_VARIABLE = "FINETUNE_CACHE";

  /** Variable with the folder where a pod has its claims, each under its name. */
  public static final String PVC_ROOT_VARIABLE = "FINETUNE_PVC_ROOT";

  private final Path cacheFolder;
  private final Map<String, String> environment;
  private final Consumer<String> notices;
  private final LocalDigests digests;
  private @Nullable ContentCache cache;
  private @Nullable Hub hub;

  /**
   * Makes one; nothing is read yet.
   *
   * @param cacheFolder folder of the cache; made when needed, and kept by the caller from one
   *     attempt to the next
   * @param environment variables of the process
   * @param notices takes a sentence on whatever is wrong with the cache
   */
  public Sources(Path cacheFolder, Map<String, String> environment, Consumer<String> notices) {
    this.cacheFolder = cacheFolder;
    this.environment = environment;
    this.notices = notices;
    this.digests = new LocalDigests(this::optionalCache, Clock.systemUTC());
  }

  /**
   * Returns the file or folder that a URI names, on the local disk, and the identity of its bytes.
   *
   * @param field field of the job that holds the URI, for messages, such as {@code spec.model.uri}
   * @param settings how S3 is reached
   * @throws UnreadableData if there is no such file
   * @throws InvalidConfiguration if the URI is of another kind, or the credentials are wrong
   * @throws StorageUnreachable if S3 or the disk fails until the deadline
   */
  public Source fetch(String field, String uri, StorageSettings settings) {
    return fetch(field, uri, settings, null);
  }

  /**
   * Returns what a URI names, as {@link #fetch(String, String, StorageSettings)} does, without a
   * request to S3 if the cache has what is expected.
   *
   * @param expected what an earlier attempt of the run read, or null. What is returned may be
   *     something else, if the bytes behind the URI have changed
   */
  public Source fetch(
      String field, String uri, StorageSettings settings, @Nullable SourceIdentity expected) {
    if (uri.startsWith("s3://")) {
      return fromS3(S3Downloads.Request.of(field, uri, null), settings, expected);
    }
    Path path = localPath(field, uri).toAbsolutePath().normalize();
    if (!Files.exists(path)) {
      throw new UnreadableData(field + ": no such file or folder: " + path);
    }
    return new Source(path, SourceFiles.identify(field, uri, path, digests));
  }

  /**
   * Returns a model, as {@link #fetch(String, String, StorageSettings, SourceIdentity)} does, which
   * may also lie on the Hub.
   *
   * @param revision branch, tag or commit on the Hub, or null; says nothing elsewhere
   */
  public Source fetchModel(
      String field,
      String uri,
      @Nullable String revision,
      StorageSettings settings,
      @Nullable SourceIdentity expected) {
    if (!HubLocation.isHub(uri)) {
      return fetch(field, uri, settings, expected);
    }
    HubLocation location = HubLocation.model(field, uri, revision);
    return fromHub(new HubDownloads.Request(field, uri, location, null), settings, expected);
  }

  /**
   * Returns a file of rows, or several by a pattern: a URI with {@code *} in its last part. They
   * may also lie on the Hub.
   *
   * @throws UnreadableData if there is no such file, or none matches
   */
  public Source fetchRows(
      String field, String uri, StorageSettings settings, @Nullable SourceIdentity expected) {
    FilePattern pattern = FilePattern.of(field, uri).orElse(null);
    if (HubLocation.isHub(uri)) {
      HubLocation location = HubLocation.rows(field, uri);
      return fromHub(new HubDownloads.Request(field, uri, location, pattern), settings, expected);
    }
    if (pattern == null) {
      return fetch(field, uri, settings, expected);
    }
    if (uri.startsWith("s3://")) {
      return fromS3(S3Downloads.Request.of(field, uri, pattern), settings, expected);
    }
    String last = pattern.folder().substring(pattern.folder().indexOf(':') + 1);
    Path folder =
        last.isEmpty() || last.equals("//") ? Path.of("") : localPath(field, pattern.folder());
    return SourceFiles.matching(field, uri, folder.toAbsolutePath().normalize(), pattern, digests);
  }

  private Source fromS3(
      S3Downloads.Request request, StorageSettings settings, @Nullable SourceIdentity expected) {
    return new S3Downloads(cache(), settings, notices).fetch(request, expected);
  }

  private Source fromHub(
      HubDownloads.Request request, StorageSettings settings, @Nullable SourceIdentity expected) {
    return new HubDownloads(cache(), hub(settings)).fetch(request, expected);
  }

  private synchronized Hub hub(StorageSettings settings) {
    if (hub == null) {
      hub = Hub.of(environment, settings);
    }
    return hub;
  }

  private Path localPath(String field, String uri) {
    if (uri.startsWith("file:")) {
      return ObjectStores.filePath(field, uri);
    }
    if (uri.startsWith("pvc://")) {
      return claimPath(field, uri);
    }
    throw new InvalidConfiguration(
        field + ": must start with file:, s3:// or pvc://, was " + ObjectKey.printable(uri));
  }

  /**
   * Returns the cache, which closes with this.
   *
   * @throws StorageUnreachable if its folder cannot be used
   */
  public synchronized ContentCache cache() {
    if (cache == null) {
      cache = ContentCache.open(cacheFolder, CacheLimit.of(environment), notices);
    }
    return cache;
  }

  /** Returns the cache, if its folder can be used, for what can be done without. */
  public Optional<ContentCache> optionalCache() {
    try {
      return Optional.of(cache());
    } catch (StorageUnreachable e) {
      notices.accept(e.getMessage());
      return Optional.empty();
    }
  }

  private Path claimPath(String field, String uri) {
    String root = environment.get(PVC_ROOT_VARIABLE);
    if (root == null || root.isBlank()) {
      throw new InvalidConfiguration(
          field + ": pvc: works in a cluster only; use file: or s3:, was " + uri);
    }
    String name = uri.substring("pvc://".length()).replaceAll("/$", "");
    if (!ObjectKey.isValid(name)) {
      throw new InvalidConfiguration(
          field + ": must be pvc://claim/path, was " + ObjectKey.printable(uri));
    }
    return Path.of(root).resolve(name);
  }

  @Override
  public synchronized void close() {
    if (hub != null) {
      hub.close();
      hub = null;
    }
    if (cache != null) {
      cache.close();
      cache = null;
    }
  }
}
