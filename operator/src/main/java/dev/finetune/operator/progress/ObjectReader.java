package dev.finetune.operator.progress;

import java.io.IOException;
import java.util.Optional;
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

  /** An object as it was read; without bytes if it did not change. */
  record Content(String etag, byte @Nullable [] bytes) {}

  /**
   * Returns an object, without bytes if it still has this entity tag, or empty if there is none.
   *
   * @throws IOException if it is larger than the bound or breaks off
   */
  Optional<Content> get(String key, @Nullable String etag) throws IOException {
    GetObjectRequest request =
        GetObjectRequest.builder().bucket(bucket).key(key).ifNoneMatch(etag).build();
    try (ResponseInputStream<GetObjectResponse> in = client.getObject(request)) {
      byte[] bytes = in.readNBytes(maximumBytes + 1);
      if (bytes.length > maximumBytes) {
        in.abort();
        throw new IOException(key + ": must have at most " + maximumBytes + " bytes, has more");
      }
      return Optional.of(new Content(in.response().eTag(), bytes));
    } catch (S3Exception e) {
      if (e.statusCode() == NOT_MODIFIED) {
        return etag == null ? Optional.empty() : Optional.of(new Content(etag, null));
      }
      if (e.statusCode() == NOT_FOUND) {
        return Optional.empty();
      }
      throw e;
    }
  }
}
