package dev.finetune.embedded.objectstore;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.concurrent.locks.ReentrantLock;
import org.gaul.s3proxy.blobstore.BlobStore;
import org.gaul.s3proxy.blobstore.ForwardingBlobStore;
import org.gaul.s3proxy.blobstore.S3Exceptions;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
import software.amazon.awssdk.services.s3.model.PutObjectResponse;

/**
 * Makes the check of an If-Match write and the write one step. The file system back end looks at
 * the ETag first and writes later, so that of 16 writers with the same ETag 13 succeeded.
 */
final class AtomicConditions extends ForwardingBlobStore {
  private static final int PRECONDITION_FAILED = 412;

  private final ReentrantLock lock = new ReentrantLock();

  AtomicConditions(BlobStore blobs) {
    super(blobs);
  }

  @Override
  public PutObjectResponse putBlob(PutObjectRequest request, InputStream content) {
    if (request.ifMatch() == null && request.ifNoneMatch() == null) {
      return super.putBlob(request, content);
    }
    InputStream whole = drained(content);
    if (request.ifMatch() == null) {
      return super.putBlob(request, whole);
    }
    lock.lock();
    try {
      HeadObjectResponse current = blobMetadataIfPresent(request.bucket(), request.key());
      if (current == null || !unquoted(current.eTag()).equals(unquoted(request.ifMatch()))) {
        throw S3Exceptions.fromStatusCode(PRECONDITION_FAILED);
      }
      return super.putBlob(request.toBuilder().ifMatch(null).build(), whole);
    } finally {
      lock.unlock();
    }
  }

  /** Reads a body to its end, or the server would drop the connection of a client it refuses. */
  private static InputStream drained(InputStream content) {
    try {
      return new ByteArrayInputStream(content.readAllBytes());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String unquoted(String etag) {
    return etag.replace("\"", "");
  }
}
