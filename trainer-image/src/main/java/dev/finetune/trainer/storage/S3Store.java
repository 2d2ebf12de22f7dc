package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.ListObjectsV2Response;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;

/**
 * Objects below a prefix of an S3 bucket. Files above 16 MiB go up in parts. Every request is made
 * once, whatever the SDK would do by itself, except the parts of a large file; it is given up when
 * it does not move.
 */
public final class S3Store implements ObjectStore {
  private static final int MAX_LISTED = 100_000;

  private final S3Requests requests;
  private final S3Client client;
  private final String bucket;
  private final String prefix;
  private final Sizes sizes;
  private final Retry retry;

  /**
   * Sizes that tests make smaller.
   *
   * @param page objects on a page of a listing
   * @param singleUploadBytes largest file that goes up in one request
   * @param partBytes least size of a part, but of the last one
   */
  record Sizes(int page, long singleUploadBytes, long partBytes) {
    private static final long PART_BYTES = 16L << 20;
    static final Sizes STANDARD = new Sizes(1000, PART_BYTES, PART_BYTES);
  }

  private S3Store(S3Requests requests, String prefix, Sizes sizes, Retry retry) {
    this.requests = requests;
    this.client = requests.client();
    this.bucket = requests.bucket();
    this.prefix = prefix;
    this.sizes = sizes;
    this.retry = retry;
  }

  /**
   * Makes a client; no request is made yet.
   *
   * @param prefix key without slashes at its ends, or empty for the whole bucket
   * @throws InvalidConfiguration if the CA bundle cannot be used
   */
  public static S3Store open(String bucket, String prefix, StorageSettings settings) {
    return open(bucket, prefix, settings, Sizes.STANDARD);
  }

  /** Opens one with other sizes, for tests. */
  static S3Store open(String bucket, String prefix, StorageSettings settings, Sizes sizes) {
    return new S3Store(
        S3Requests.open(bucket, settings),
        prefix.isEmpty() ? "" : prefix + "/",
        sizes,
        settings.retry());
  }

  @Override
  public ObjectStore impatient(Duration limit) {
    return new S3Store(requests.within(limit), prefix, sizes, retry);
  }

  @Override
  public Optional<Document> get(String key, int maxBytes) {
    return read(
        key,
        (in, counted) -> {
          byte[] content = counted.readNBytes(maxBytes);
          if (in.read() >= 0) {
            throw LocalFile.tooLarge(location(key), maxBytes);
          }
          Long length = in.response().contentLength();
          if (length != null && length != content.length) {
            throw new IOException("the answer was cut off");
          }
          return new Document(content, in.response().eTag());
        });
  }

  @Override
  public Optional<Downloaded> download(String key, Path target, long maxBytes) {
    return read(
        key,
        (in, counted) -> {
          Long length = in.response().contentLength();
          if (length != null && length > maxBytes) {
            throw LocalFile.tooLarge(location(key), maxBytes);
          }
          return LocalFile.receive(location(key), counted, in.response().eTag(), target, maxBytes);
        });
  }

  @Override
  public String put(String key, byte[] content) {
    PutObjectRequest put = request(key).build();
    RequestBody body = body(content);
    String what = "write " + location(key);
    return requests.ask(
        Granted.Action.WRITE,
        what,
        activity -> S3Requests.etag(what, client.putObject(put, body).eTag()));
  }

  @Override
  public String upload(String key, Path file) {
    long bytes = size(file);
    String what = "write " + location(key);
    PutObjectRequest put = request(key).build();
    if (bytes > sizes.singleUploadBytes()) {
      return multipart().upload(what, put.key(), file, bytes);
    }
    return requests.ask(
        Granted.Action.WRITE,
        what,
        activity -> {
          try (FileSlice slice = new FileSlice(file, 0, bytes, activity)) {
            return S3Requests.etag(what, client.putObject(put, slice.body()).eTag());
          } catch (IOException e) {
            throw LocalFile.failure("read", file, e);
          }
        });
  }

  @Override
  public int abandonUploads(String folder, Instant startedBefore) {
    String start = prefix + ObjectKey.checkFolder(folder);
    return multipart().abandon("abandon uploads below " + location(folder), start, startedBefore);
  }

  @Override
  public boolean rehearseParts(String key) {
    multipart().rehearse("write in parts " + location(key), fullKey(key));
    return true;
  }

  @Override
  public Optional<Duration> clockDifference() {
    return requests.ask(
        Granted.Action.LIST,
        "list " + location(""),
        activity ->
            client
                .listObjectsV2(list -> list.bucket(bucket).prefix(prefix).maxKeys(1))
                .sdkHttpResponse()
                .firstMatchingHeader("Date")
                .flatMap(date -> S3Failures.clockDifference(date, Instant.now())));
  }

  @Override
  public ConditionalWrite putIfAbsent(String key, byte[] content) {
    return conditional(key, request(key).ifNoneMatch("*").build(), content);
  }

  @Override
  public ConditionalWrite putIfMatch(String key, byte[] content, String etag) {
    return conditional(key, request(key).ifMatch(etag).build(), content);
  }

  @Override
  public List<StoredObject> list(String folder) {
    String start = prefix + ObjectKey.checkFolder(folder);
    List<StoredObject> objects = new ArrayList<>();
    String token = null;
    do {
      String from = token;
      ListObjectsV2Response page =
          requests.ask(
              Granted.Action.LIST,
              "list " + location(folder),
              activity ->
                  client.listObjectsV2(
                      list ->
                          list.bucket(bucket)
                              .prefix(start)
                              .continuationToken(from)
                              .maxKeys(sizes.page())));
      for (S3Object object : page.contents()) {
        add(objects, object);
      }
      token = Boolean.TRUE.equals(page.isTruncated()) ? page.nextContinuationToken() : null;
    } while (token != null);
    objects.sort(Comparator.comparing(StoredObject::key));
    return List.copyOf(objects);
  }

  @Override
  public Optional<StoredObject> head(String key) {
    String fullKey = fullKey(key);
    return requests.ask(
        Granted.Action.READ,
        "look up " + location(key),
        activity -> {
          try {
            HeadObjectResponse head = client.headObject(h -> h.bucket(bucket).key(fullKey));
            return Optional.of(new StoredObject(key, head.contentLength(), head.eTag()));
          } catch (S3Exception e) {
            return absentOr(e);
          }
        });
  }

  @Override
  public void delete(String key) {
    String fullKey = fullKey(key);
    requests.ask(
        Granted.Action.DELETE,
        "delete " + location(key),
        activity -> client.deleteObject(delete -> delete.bucket(bucket).key(fullKey)));
  }

  @Override
  public String location(String key) {
    return "s3://" + bucket + "/" + prefix + key;
  }

  @Override
  public void close() {
    requests.close();
  }

  /** Reads an answer: the stream that can be aborted, and a view on it that counts. */
  private interface Reader<T> {
    T read(ResponseInputStream<GetObjectResponse> in, InputStream counted) throws IOException;
  }

  private <T> Optional<T> read(String key, Reader<T> reader) {
    String fullKey = fullKey(key);
    return requests.ask(
        Granted.Action.READ,
        "read " + location(key),
        activity -> {
          try (ResponseInputStream<GetObjectResponse> in =
              client.getObject(get -> get.bucket(bucket).key(fullKey))) {
            try {
              return Optional.of(reader.read(in, activity.counting(in)));
            } catch (IOException | RuntimeException e) {
              // Closing would read the rest of the object first.
              in.abort();
              throw e;
            }
          } catch (S3Exception e) {
            return absentOr(e);
          } catch (IOException e) {
            throw new StorageUnreachable("cannot read " + location(key) + ": " + e.getMessage(), e);
          }
        });
  }

  private static <T> Optional<T> absentOr(S3Exception e) {
    if (S3Failures.isMissingObject(e)) {
      return Optional.empty();
    }
    throw e;
  }

  private ConditionalWrite conditional(String key, PutObjectRequest request, byte[] content) {
    RequestBody body = body(content);
    String what = "write " + location(key);
    return requests.askOnce(
        what,
        activity -> {
          try {
            return new ConditionalWrite.Written(
                S3Requests.etag(what, client.putObject(request, body).eTag()));
          } catch (S3Exception e) {
            // With If-Match, an absent object is a 404 on AWS; the condition does not hold either.
            if (S3Failures.isPreconditionFailed(e)
                || (request.ifMatch() != null && S3Failures.isMissingObject(e))) {
              return new ConditionalWrite.PreconditionFailed();
            }
            throw e;
          }
        });
  }

  private MultipartUpload multipart() {
    return new MultipartUpload(requests, retry, sizes.partBytes());
  }

  private PutObjectRequest.Builder request(String key) {
    return PutObjectRequest.builder().bucket(bucket).key(fullKey(key));
  }

  private String fullKey(String key) {
    return prefix + ObjectKey.check(key);
  }

  private void add(List<StoredObject> objects, S3Object object) {
    if (objects.size() == MAX_LISTED) {
      throw new UnreadableData(location("") + ": holds more than " + MAX_LISTED + " objects");
    }
    // Consoles mark an empty folder by an object whose name ends with a slash.
    if (!object.key().endsWith("/")) {
      objects.add(
          new StoredObject(object.key().substring(prefix.length()), object.size(), object.eTag()));
    }
  }

  private static RequestBody body(byte[] content) {
    if (content.length > MAX_DOCUMENT_BYTES) {
      throw new IllegalArgumentException(
          "content: must be at most " + MAX_DOCUMENT_BYTES + " bytes, was " + content.length);
    }
    return RequestBody.fromBytes(content);
  }

  private static long size(Path file) {
    try {
      return Files.size(file);
    } catch (IOException e) {
      throw LocalFile.failure("read", file, e);
    }
  }
}
