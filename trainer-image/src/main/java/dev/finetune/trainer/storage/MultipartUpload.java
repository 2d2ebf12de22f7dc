package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.StorageUnreachable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.CompletedPart;

/** Uploads of large files in parts; the object appears when the last call succeeds. */
final class MultipartUpload {
  private static final long PART_BYTES = 16L << 20;
  private static final long MAX_PARTS = 10_000;
  private static final int MAX_PART_BYTES = 1 << 30;

  private final S3Client client;
  private final String bucket;

  MultipartUpload(S3Client client, String bucket) {
    this.client = client;
    this.bucket = bucket;
  }

  /**
   * Uploads a file and returns the ETag of the object.
   *
   * @throws SdkException if S3 fails; the parts so far are given up
   */
  String upload(String key, Path file, long bytes) {
    String upload = client.createMultipartUpload(c -> c.bucket(bucket).key(key)).uploadId();
    try {
      List<CompletedPart> parts = uploadParts(key, upload, file, bytes);
      return client
          .completeMultipartUpload(
              c -> c.bucket(bucket).key(key).uploadId(upload).multipartUpload(m -> m.parts(parts)))
          .eTag();
    } catch (SdkException | StorageUnreachable e) {
      abort(key, upload, e);
      throw e;
    }
  }

  private List<CompletedPart> uploadParts(String key, String upload, Path file, long bytes) {
    int partBytes = partBytes(bytes);
    List<CompletedPart> parts = new ArrayList<>();
    try (InputStream in = Files.newInputStream(file)) {
      for (byte[] part = in.readNBytes(partBytes);
          part.length > 0;
          part = in.readNBytes(partBytes)) {
        int number = parts.size() + 1;
        RequestBody body = RequestBody.fromBytes(part);
        String etag =
            client
                .uploadPart(
                    p -> p.bucket(bucket).key(key).uploadId(upload).partNumber(number), body)
                .eTag();
        parts.add(CompletedPart.builder().partNumber(number).eTag(etag).build());
      }
      return parts;
    } catch (IOException e) {
      throw new StorageUnreachable("cannot read " + file + ": " + e.getMessage(), e);
    }
  }

  static int partBytes(long bytes) {
    long needed = Math.max(PART_BYTES, Math.ceilDiv(bytes, MAX_PARTS));
    if (needed > MAX_PART_BYTES) {
      throw new IllegalArgumentException("file of " + bytes + " bytes is too large for S3");
    }
    return Math.toIntExact(needed);
  }

  private void abort(String key, String upload, RuntimeException cause) {
    try {
      client.abortMultipartUpload(a -> a.bucket(bucket).key(key).uploadId(upload));
    } catch (SdkException e) {
      // A life-cycle rule of the bucket removes what stays; the first failure is the one to tell.
      cause.addSuppressed(e);
    }
  }
}
