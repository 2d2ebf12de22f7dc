package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.TrainingFailure;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.CompletedPart;

/**
 * Uploads of large files in parts, several at a time; the object appears when the last call
 * succeeds. A part that fails is sent again for a while; then the upload is given up as a whole and
 * its parts are removed.
 */
final class MultipartUpload {
  private static final long MAX_PARTS = 10_000;
  private static final int MAX_PART_BYTES = 1 << 30;
  private static final int AT_ONCE = 4;
  private static final int MAX_ABANDONED = 1000;
  private static final Duration LONGEST_FOR_A_PART = Duration.ofSeconds(20);

  private final S3Requests requests;
  private final Retry partRetry;
  private final long leastPartBytes;

  /**
   * Makes one; a part is retried for a quarter of the deadline, but for 20 s at most.
   *
   * @param leastPartBytes size of parts, unless they would be too many
   */
  MultipartUpload(S3Requests requests, Retry retry, long leastPartBytes) {
    this.requests = requests;
    this.leastPartBytes = leastPartBytes;
    Duration quarter = retry.deadline().dividedBy(4);
    this.partRetry =
        new Retry(
            retry.first(),
            retry.longest(),
            quarter.compareTo(LONGEST_FOR_A_PART) < 0 ? quarter : LONGEST_FOR_A_PART);
  }

  /** A file on its way. */
  private record Job(String what, String key, Path file, long bytes, String upload, int partBytes) {
    int parts() {
      return Math.toIntExact(Math.ceilDiv(bytes, (long) partBytes));
    }
  }

  /**
   * Uploads a file and returns the ETag of the object.
   *
   * @param what names the request in messages
   * @throws TrainingFailure if S3 fails; the parts so far are given up
   */
  String upload(String what, String key, Path file, long bytes) {
    S3Client client = requests.client();
    String bucket = requests.bucket();
    String upload =
        requests.ask(
            Granted.Action.WRITE,
            what,
            activity -> client.createMultipartUpload(c -> c.bucket(bucket).key(key)).uploadId());
    Job job = new Job(what, key, file, bytes, upload, partBytes(bytes, leastPartBytes));
    try {
      List<CompletedPart> parts = uploadParts(job);
      String etag =
          requests.ask(
              Granted.Action.WRITE,
              what,
              activity ->
                  client
                      .completeMultipartUpload(
                          c ->
                              c.bucket(bucket)
                                  .key(key)
                                  .uploadId(upload)
                                  .multipartUpload(m -> m.parts(parts)))
                      .eTag());
      return S3Requests.etag(what, etag);
    } catch (RuntimeException e) {
      abort(job, e);
      throw e;
    }
  }

  private List<CompletedPart> uploadParts(Job job) {
    List<CompletedPart> completed = new ArrayList<>();
    try (ExecutorService workers =
        Executors.newFixedThreadPool(AT_ONCE, Thread.ofVirtual().name("part-", 1).factory())) {
      List<Future<CompletedPart>> parts = new ArrayList<>();
      for (int number = 1; number <= job.parts(); number++) {
        int part = number;
        parts.add(workers.submit(() -> uploadPart(job, part)));
      }
      try {
        for (Future<CompletedPart> part : parts) {
          completed.add(part.get());
        }
      } catch (ExecutionException e) {
        workers.shutdownNow();
        throw rethrown(job, e);
      } catch (InterruptedException e) {
        workers.shutdownNow();
        Thread.currentThread().interrupt();
        throw new StorageUnreachable("cannot " + job.what() + ": interrupted", e);
      }
    }
    return completed;
  }

  private CompletedPart uploadPart(Job job, int number) {
    long size = job.partBytes();
    long start = (number - 1) * size;
    String what = job.what() + ", part " + number;
    String etag =
        partRetry.call(
            what,
            () ->
                requests.ask(
                    Granted.Action.WRITE,
                    what,
                    activity ->
                        send(
                            job,
                            number,
                            new FileSlice(
                                job.file(),
                                start,
                                Math.min(size, job.bytes() - start),
                                activity))));
    return CompletedPart.builder().partNumber(number).eTag(S3Requests.etag(what, etag)).build();
  }

  private String send(Job job, int number, FileSlice slice) {
    try (slice) {
      return requests
          .client()
          .uploadPart(
              p ->
                  p.bucket(requests.bucket())
                      .key(job.key())
                      .uploadId(job.upload())
                      .partNumber(number),
              slice.body())
          .eTag();
    } catch (IOException e) {
      throw LocalFile.failure("read", job.file(), e);
    }
  }

  static int partBytes(long bytes, long least) {
    long needed = Math.max(least, Math.ceilDiv(bytes, MAX_PARTS));
    if (needed > MAX_PART_BYTES) {
      throw new IllegalArgumentException("file of " + bytes + " bytes is too large for S3");
    }
    return Math.toIntExact(needed);
  }

  /**
   * Gives up uploads that began before a moment, at most 1000.
   *
   * @param prefix what their keys begin with
   * @return how many were given up
   */
  int abandon(String what, String prefix, Instant startedBefore) {
    S3Client client = requests.client();
    String bucket = requests.bucket();
    var page =
        requests.ask(
            Granted.Action.LIST,
            what,
            activity ->
                client.listMultipartUploads(
                    l -> l.bucket(bucket).prefix(prefix).maxUploads(MAX_ABANDONED)));
    int count = 0;
    for (var upload : page.uploads()) {
      // Some stores ignore the prefix.
      if (upload.key().startsWith(prefix)
          && upload.initiated() != null
          && upload.initiated().isBefore(startedBefore)) {
        requests.ask(
            Granted.Action.WRITE,
            what,
            activity ->
                client.abortMultipartUpload(
                    a -> a.bucket(bucket).key(upload.key()).uploadId(upload.uploadId())));
        count++;
      }
    }
    return count;
  }

  /** Begins an upload, sends a part of a few bytes and gives it up. */
  void rehearse(String what, String key) {
    S3Client client = requests.client();
    String bucket = requests.bucket();
    requests.ask(
        Granted.Action.WRITE,
        what,
        activity -> {
          String upload = client.createMultipartUpload(c -> c.bucket(bucket).key(key)).uploadId();
          try {
            String etag =
                client
                    .uploadPart(
                        p -> p.bucket(bucket).key(key).uploadId(upload).partNumber(1),
                        RequestBody.fromString("part"))
                    .eTag();
            return S3Requests.etag(what, etag);
          } finally {
            client.abortMultipartUpload(a -> a.bucket(bucket).key(key).uploadId(upload));
          }
        });
  }

  private void abort(Job job, RuntimeException cause) {
    try {
      S3Client client = requests.client();
      requests.ask(
          Granted.Action.WRITE,
          "abort " + job.what(),
          activity ->
              client.abortMultipartUpload(
                  a -> a.bucket(requests.bucket()).key(job.key()).uploadId(job.upload())));
    } catch (StorageUnreachable | InvalidConfiguration e) {
      // A later attempt abandons what stays; the first failure is the one to tell.
      cause.addSuppressed(e);
    }
  }

  private static RuntimeException rethrown(Job job, ExecutionException e) {
    return switch (e.getCause()) {
      case TrainingFailure failure -> failure;
      case SdkException failure -> failure;
      case RuntimeException bug -> bug;
      case Error error -> throw error;
      case null, default -> new IllegalStateException(job.what(), e);
    };
  }
}
