package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.TrainingFailure;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.services.s3.S3Client;

/** Makes single requests of a bucket: watched for progress, with failures told in our words. */
final class S3Requests implements AutoCloseable {
  private final S3Clients.Opened opened;
  private final String bucket;
  private final Granted granted;
  private final StallGuard guard;

  private S3Requests(S3Clients.Opened opened, String bucket, Granted granted, StallGuard guard) {
    this.opened = opened;
    this.bucket = bucket;
    this.granted = granted;
    this.guard = guard;
  }

  static S3Requests open(String bucket, StorageSettings settings) {
    return new S3Requests(
        S3Clients.open(settings), bucket, new Granted(), new StallGuard(settings.silence()));
  }

  /** Returns a view that gives up sooner. */
  S3Requests within(Duration limit) {
    Duration silence = guard.silence();
    StallGuard sooner = new StallGuard(limit.compareTo(silence) < 0 ? limit : silence);
    return new S3Requests(opened, bucket, granted, sooner);
  }

  String bucket() {
    return bucket;
  }

  S3Client client() {
    return opened.client();
  }

  /**
   * Makes a request.
   *
   * @param what names it in messages, such as {@code read s3://bucket/key}
   * @throws TrainingFailure that tells what the SDK threw
   */
  <T> T ask(Granted.Action action, String what, StallGuard.Request<T> request) {
    try {
      T answer = guard.call(what, request);
      granted.add(action);
      return answer;
    } catch (SdkException e) {
      if (S3Failures.isAboutCredentials(e)) {
        opened.credentials().renew();
      }
      throw new S3Failures(what, granted.anything(), granted.has(action)).of(e);
    }
  }

  /**
   * Makes a conditional write. A failure of the world leaves open whether it was done.
   *
   * @throws TrainingFailure if it was not done and cannot be
   */
  ConditionalWrite askOnce(String what, StallGuard.Request<ConditionalWrite> request) {
    try {
      return ask(Granted.Action.WRITE, what, request);
    } catch (StorageUnreachable e) {
      return new ConditionalWrite.Unanswered(e);
    }
  }

  /** Returns the ETag that a write was answered with. */
  static String etag(String what, @Nullable String etag) {
    if (etag == null || etag.isEmpty()) {
      throw new InvalidConfiguration(
          "spec.storage.endpoint: cannot "
              + what
              + ": the answer has no ETag; the endpoint is no S3 service");
    }
    return etag;
  }

  @Override
  public void close() {
    opened.close();
  }
}
