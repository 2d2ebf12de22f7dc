package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.InvalidConfiguration;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;

/** Opens stores by URI. */
public final class ObjectStores {
  private ObjectStores() {}

  /**
   * Opens the store of {@code spec.storage.uri}. No request is made yet.
   *
   * @param uri {@code s3://bucket/prefix} or {@code file:path}; the path may be relative to the
   *     working folder, and {@code file:///path} is accepted too
   * @throws InvalidConfiguration if it is another URI, or the settings cannot be used
   */
  public static ObjectStore open(String uri, StorageSettings settings) {
    String field = "spec.storage.uri";
    if (uri.startsWith("s3://")) {
      S3Location location = S3Location.parse(field, uri);
      return S3Store.open(location.bucket(), location.key(), settings);
    }
    if (uri.startsWith("file:")) {
      return FileStore.open(filePath(field, uri));
    }
    throw new InvalidConfiguration(
        field + ": must start with s3:// or file:, was " + ObjectKey.printable(uri));
  }

  /**
   * Returns the path of a {@code file:} URI: what follows {@code file:} or {@code file://}, as
   * written, without percent decoding.
   *
   * @throws InvalidConfiguration if it is empty or not a path
   */
  public static Path filePath(String field, String uri) {
    String rest = uri.substring("file:".length());
    String path = rest.startsWith("//") ? rest.substring(2) : rest;
    if (path.isEmpty() || path.indexOf('\0') >= 0) {
      throw new InvalidConfiguration(
          field + ": must be file:path, was " + ObjectKey.printable(uri));
    }
    try {
      return Path.of(path);
    } catch (InvalidPathException e) {
      throw new InvalidConfiguration(
          field + ": must be file:path, was " + ObjectKey.printable(uri), e);
    }
  }
}
