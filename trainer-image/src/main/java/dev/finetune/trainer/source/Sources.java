package dev.finetune.trainer.source;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.storage.ObjectKey;
import dev.finetune.trainer.storage.ObjectStores;
import dev.finetune.trainer.storage.Retry;
import dev.finetune.trainer.storage.StorageSettings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/**
 * Brings what a URI names to the local disk:
 *
 * <ul>
 *   <li>{@code file:path}, relative to the working folder or absolute, a file or a folder: read in
 *       place;
 *   <li>{@code s3://bucket/key}, an object, or a folder if the key names none: downloaded into the
 *       cache, once for each ETag;
 *   <li>{@code pvc://claim/path}: read in place below the folder where the claims are mounted.
 * </ul>
 *
 * Of a folder, files with the suffixes of models and data count, hidden ones do not.
 */
public final class Sources {
  /** Variable with the folder of downloads. */
  public static final String CACHE_VARIABLE = "FINETUNE_CACHE";

  /** Variable with the folder where a pod has its claims, each under its name. */
  public static final String PVC_ROOT_VARIABLE = "FINETUNE_PVC_ROOT";

  private final S3Cache cache;
  private final Map<String, String> environment;

  /**
   * Makes one; nothing is read yet.
   *
   * @param cacheFolder folder of downloads; made when needed, and kept by the caller from one
   *     attempt to the next
   * @param settings how S3 is reached
   * @param retry when a failed request is made again
   * @param environment variables of the process
   */
  public Sources(
      Path cacheFolder, StorageSettings settings, Retry retry, Map<String, String> environment) {
    this.cache = new S3Cache(cacheFolder.toAbsolutePath(), settings, retry);
    this.environment = environment;
  }

  /**
   * Returns the file or folder that a URI names, on the local disk, and the identity of its bytes.
   *
   * @param field field of the job that holds the URI, for messages, such as {@code spec.model.uri}
   * @throws UnreadableData if there is no such file
   * @throws InvalidConfiguration if the URI is of another kind, or the credentials are wrong
   * @throws StorageUnreachable if S3 or the disk fails until the deadline
   */
  public Source fetch(String field, String uri) {
    if (uri.startsWith("s3://")) {
      return cache.fetch(field, uri);
    }
    if (uri.startsWith("file:")) {
      return local(field, uri, ObjectStores.filePath(field, uri));
    }
    if (uri.startsWith("pvc://")) {
      return local(field, uri, claimPath(field, uri));
    }
    throw new InvalidConfiguration(
        field + ": must start with file:, s3:// or pvc://, was " + ObjectKey.printable(uri));
  }

  private static Source local(String field, String uri, Path path) {
    Path absolute = path.toAbsolutePath().normalize();
    if (!Files.exists(absolute)) {
      throw new UnreadableData(field + ": no such file or folder: " + absolute);
    }
    return new Source(absolute, SourceFiles.identify(field, uri, absolute));
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
}
