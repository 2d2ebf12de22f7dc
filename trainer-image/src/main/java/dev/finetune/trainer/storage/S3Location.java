package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.InvalidConfiguration;

/**
 * A bucket and a key or prefix in it.
 *
 * @param bucket name of the bucket
 * @param key key or prefix, without a slash at either end; empty for the whole bucket
 * @param folder whether the URI ended with a slash
 */
public record S3Location(String bucket, String key, boolean folder) {
  /**
   * Reads {@code s3://bucket/key}.
   *
   * @throws InvalidConfiguration if it is not such a URI
   */
  public static S3Location parse(String field, String uri) {
    String rest = uri.startsWith("s3://") ? uri.substring("s3://".length()) : "";
    int slash = rest.indexOf('/');
    String bucket = slash < 0 ? rest : rest.substring(0, slash);
    String path = slash < 0 ? "" : rest.substring(slash + 1);
    boolean folder = path.endsWith("/");
    String key = folder ? path.substring(0, path.length() - 1) : path;
    if (!bucket.matches("[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
        || !(key.isEmpty() || ObjectKey.isValid(key))) {
      throw new InvalidConfiguration(
          field + ": must be s3://bucket/prefix, was " + ObjectKey.printable(uri));
    }
    return new S3Location(bucket, key, folder);
  }
}
