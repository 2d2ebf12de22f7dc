package dev.finetune.trainer.storage;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.TrainingFailure;
import dev.finetune.trainer.failure.UnreadableData;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.Supplier;
import software.amazon.awssdk.core.ResponseInputStream;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.ListObjectsV2Response;
import software.amazon.awssdk.services.s3.model.PutObjectRequest;
import software.amazon.awssdk.services.s3.model.S3Exception;
import software.amazon.awssdk.services.s3.model.S3Object;

/**
 * Objects below a prefix of an S3 bucket. Files above 64 MiB go up in parts. Every request is made
 * once, whatever the SDK would do by itself.
 */
public final class S3Store implements ObjectStore {
  private static final int MAX_LISTED = 100_000;
  private static final long SINGLE_UPLOAD_BYTES = 64L << 20;

  private final S3Client client;
  private final String bucket;
  private final String prefix;
  private final int pageSize;
  private final MultipartUpload multipart;
  private final long singleUploadBytes;

  private S3Store(
      S3Client client, String bucket, String prefix, int pageSize, long singleUploadBytes) {
    this.client = client;
    this.bucket = bucket;
    this.prefix = prefix.isEmpty() ? "" : prefix + "/";
    this.pageSize = pageSize;
    this.multipart = new MultipartUpload(client, bucket);
    this.singleUploadBytes = singleUploadBytes;
  }

  /**
   * Makes a client; no request is made yet.
   *
   * @param prefix key without slashes at its ends, or empty for the whole bucket
   * @throws InvalidConfiguration if the CA bundle cannot be used
   */
  public static S3Store open(String bucket, String prefix, StorageSettings settings) {
    return open(bucket, prefix, settings, 1000, SINGLE_UPLOAD_BYTES);
  }

  /** Opens one with smaller pages of listings and a smaller largest single upload, for tests. */
  static S3Store open(
      String bucket, String prefix, StorageSettings settings, int pageSize, long singleUpload) {
    return new S3Store(S3Clients.open(settings), bucket, prefix, pageSize, singleUpload);
  }

  @Override
  public Optional<Document> get(String key, int maxBytes) {
    return read(
        key,
        in -> {
          byte[] content = in.readNBytes(maxBytes);
          if (in.read() >= 0) {
            in.abort();
            throw LocalFile.tooLarge(location(key), maxBytes);
          }
          if (in.response().contentLength() != null
              && in.response().contentLength() != content.length) {
            throw new IOException("the answer was cut off");
          }
          return new Document(content, in.response().eTag());
        });
  }

  @Override
  public Optional<Downloaded> download(String key, Path target, long maxBytes) {
    return read(
        key,
        in -> {
          Long length = in.response().contentLength();
          if (length != null && length > maxBytes) {
            in.abort();
            throw LocalFile.tooLarge(location(key), maxBytes);
          }
          return LocalFile.receive(location(key), in, in.response().eTag(), target, maxBytes);
        });
  }

  @Override
  public String put(String key, byte[] content) {
    return write(key, () -> client.putObject(request(key).build(), body(content)).eTag());
  }

  @Override
  public String upload(String key, Path file) {
    long bytes = size(file);
    return write(
        key,
        () ->
            bytes > singleUploadBytes
                ? multipart.upload(fullKey(key), file, bytes)
                : client.putObject(request(key).build(), file).eTag());
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
    try {
      String token = null;
      do {
        String from = token;
        ListObjectsV2Response page =
            client.listObjectsV2(
                list ->
                    list.bucket(bucket).prefix(start).continuationToken(from).maxKeys(pageSize));
        for (S3Object object : page.contents()) {
          add(objects, object);
        }
        token = Boolean.TRUE.equals(page.isTruncated()) ? page.nextContinuationToken() : null;
      } while (token != null);
    } catch (SdkException e) {
      throw S3Failures.of("list " + location(folder), e);
    }
    objects.sort(Comparator.comparing(StoredObject::key));
    return List.copyOf(objects);
  }

  @Override
  public Optional<StoredObject> head(String key) {
    try {
      HeadObjectResponse head = client.headObject(h -> h.bucket(bucket).key(fullKey(key)));
      return Optional.of(new StoredObject(key, head.contentLength(), head.eTag()));
    } catch (S3Exception e) {
      if (S3Failures.isMissingObject(e)) {
        return Optional.empty();
      }
      throw S3Failures.of("look up " + location(key), e);
    } catch (SdkException e) {
      throw S3Failures.of("look up " + location(key), e);
    }
  }

  @Override
  public void delete(String key) {
    try {
      client.deleteObject(delete -> delete.bucket(bucket).key(fullKey(key)));
    } catch (SdkException e) {
      throw S3Failures.of("delete " + location(key), e);
    }
  }

  @Override
  public String location(String key) {
    return "s3://" + bucket + "/" + prefix + key;
  }

  @Override
  public void close() {
    client.close();
  }

  private interface Reader<T> {
    T read(ResponseInputStream<GetObjectResponse> in) throws IOException;
  }

  private <T> Optional<T> read(String key, Reader<T> reader) {
    String fullKey = fullKey(key);
    try (ResponseInputStream<GetObjectResponse> in =
        client.getObject(get -> get.bucket(bucket).key(fullKey))) {
      try {
        return Optional.of(reader.read(in));
      } catch (IOException | RuntimeException e) {
        // Closing would read the rest of the object first.
        in.abort();
        throw e;
      }
    } catch (S3Exception e) {
      if (S3Failures.isMissingObject(e)) {
        return Optional.empty();
      }
      throw S3Failures.of("read " + location(key), e);
    } catch (SdkException e) {
      throw S3Failures.of("read " + location(key), e);
    } catch (IOException e) {
      throw new StorageUnreachable("cannot read " + location(key) + ": " + e.getMessage(), e);
    }
  }

  private String write(String key, Supplier<String> request) {
    try {
      return request.get();
    } catch (SdkException e) {
      throw S3Failures.of("write " + location(key), e);
    }
  }

  private ConditionalWrite conditional(String key, PutObjectRequest request, byte[] content) {
    try {
      return new ConditionalWrite.Written(client.putObject(request, body(content)).eTag());
    } catch (S3Exception e) {
      // With If-Match, an absent object is a 404 on AWS; the condition does not hold either.
      if (S3Failures.isPreconditionFailed(e)
          || (request.ifMatch() != null && S3Failures.isMissingObject(e))) {
        return new ConditionalWrite.PreconditionFailed();
      }
      return unanswered(key, e);
    } catch (SdkException e) {
      return unanswered(key, e);
    }
  }

  private ConditionalWrite unanswered(String key, SdkException e) {
    return switch (S3Failures.of("write " + location(key), e)) {
      case StorageUnreachable unreachable -> new ConditionalWrite.Unanswered(unreachable);
      case TrainingFailure other -> throw other;
    };
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
