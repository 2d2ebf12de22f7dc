package dev.finetune.operator.progress;

import java.util.List;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.ListObjectsV2Request;
import software.amazon.awssdk.services.s3.model.ListObjectsV2Response;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;

/** Writes, lists and deletes objects. Every request may throw an {@code SdkException}. */
record ObjectWriter(S3Client client, String bucket) {
  private static final int CONFLICT = 409;
  private static final int PRECONDITION_FAILED = 412;
  private static final int PAGE = 1000;

  /**
   * A page of a listing.
   *
   * @param keys keys in their order
   * @param last whether nothing follows
   */
  record Page(List<String> keys, boolean last) {}

  /** Writes an object, whether it is there or not. */
  void put(String key, byte[] bytes) {
    client.putObject(put -> put.bucket(bucket).key(key), RequestBody.fromBytes(bytes));
  }

  /**
   * Writes an object if it still has this entity tag.
   *
   * @return whether it was written; if not, it is another by now, or was when the answer to the
   *     first of two requests was lost
   */
  boolean putIfMatch(String key, byte[] bytes, String etag) {
    PutObjectRequest request =
        PutObjectRequest.builder().bucket(bucket).key(key).ifMatch(etag).build();
    try {
      client.putObject(request, RequestBody.fromBytes(bytes));
      return true;
    } catch (S3Exception e) {
      if (e.statusCode() == PRECONDITION_FAILED || e.statusCode() == CONFLICT) {
        return false;
      }
      throw e;
    }
  }

  /** Returns the keys that begin with a prefix and come after a key, a page at most. */
  Page list(String prefix, String after, int maximum) {
    ListObjectsV2Request request =
        ListObjectsV2Request.builder()
            .bucket(bucket)
            .prefix(prefix)
            .startAfter(after.isEmpty() ? null : after)
            .maxKeys(Math.min(maximum, PAGE))
            .build();
    ListObjectsV2Response response = client.listObjectsV2(request);
    return new Page(
        response.contents().stream()
            .map(S3Object::key)
            // Only what was asked for is ever deleted, whatever a store answers.
            .filter(key -> key.startsWith(prefix))
            .toList(),
        !Boolean.TRUE.equals(response.isTruncated()));
  }

  /** Deletes an object, if it is there. */
  void delete(String key) {
    client.deleteObject(delete -> delete.bucket(bucket).key(key));
  }
}
