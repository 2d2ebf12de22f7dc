package dev.finetune.operator.progress;

import java.io.IOException;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.GetObjectRequest;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.S3Exception;

/** Reads small objects, only if they changed, and never more than a bound. */
record ObjectReader(S3Client client, String bucket, int maximumBytes) {
  private static final int NOT_MODIFIED = 304;
  private static final int NOT_FOUND = 404;

  /**
   * An object as it was read; without bytes if it did not change or is larger than the bound.
   *
   * @param tooLarge whether it is larger than the bound
   */
  record Content(String etag, byte @Nullable [] bytes, boolean tooLarge) {}

  /**
   * Returns an object, without bytes if it still has this entity tag, or empty if there is none.
   *
   * @throws IOException if it breaks off
   */
  Optional<Content> get(String key, @Nullable String etag) throws IOException {
    GetObjectRequest request =
        GetObjectRequest.builder().bucket(bucket).key(key).ifNoneMatch(etag).build();
    try (ResponseInputStream<GetObjectResponse> in = client.getObject(request)) {
      byte[] bytes = in.readNBytes(maximumBytes + 1);
      if (bytes.length > maximumBytes) {
        in.abort();
        return Optional.of(new Content(in.response().eTag(), null, true));
      }
      return Optional.of(new Content(in.response().eTag(), bytes, false));
    } catch (S3Exception e) {
      if (e.statusCode() == NOT_MODIFIED) {
        return etag == null ? Optional.empty() : Optional.of(new Content(etag, null, false));
      }
      if (e.statusCode() == NOT_FOUND) {
        return Optional.empty();
      }
      throw e;
    }
  }

  /** Returns the size of an object in bytes, or empty if there is none. */
  OptionalLong size(String key) {
    try {
      return OptionalLong.of(
          client.headObject(head -> head.bucket(bucket).key(key)).contentLength());
    } catch (S3Exception e) {
      if (e.statusCode() == NOT_FOUND) {
        return OptionalLong.empty();
      }
      throw e;
    }
  }
}
