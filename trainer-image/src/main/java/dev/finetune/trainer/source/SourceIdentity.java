package dev.finetune.trainer.source;

import org.jspecify.annotations.Nullable;

/**
 * Which bytes a URI stood for.
 *
 * @param uri as written in the job
 * @param digest {@code sha256:} of the bytes of a local file, {@code etag:} of an S3 object, {@code
 *     sha256:} over names, sizes and digests of the files of a folder or pattern, or {@code
 *     commit:} of a repository of the Hub
 * @param bytes size in all
 * @param content the same over the SHA-256 of the bytes that were read, wherever they came from;
 *     absent in records of older versions
 */
public record SourceIdentity(String uri, String digest, long bytes, @Nullable String content) {
  /** Makes one of which the content is not known. */
  public SourceIdentity(String uri, String digest, long bytes) {
    this(uri, digest, bytes, null);
  }

  /** Returns whether both stand for the same bytes, as far as both know. */
  @SuppressWarnings("NullAway") // What comes from JSON may lack any field.
  public boolean matches(@Nullable SourceIdentity other) {
    return other != null
        && uri != null
        && uri.equals(other.uri)
        && digest != null
        && digest.equals(other.digest)
        && bytes == other.bytes
        && (content == null || other.content == null || content.equals(other.content));
  }
}
