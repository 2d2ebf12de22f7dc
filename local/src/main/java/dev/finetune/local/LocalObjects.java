package dev.finetune.local;

import dev.finetune.embedded.objectstore.EmbeddedObjectStore;
import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.checksums.RequestChecksumCalculation;
import software.amazon.awssdk.core.checksums.ResponseChecksumValidation;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.S3Object;

/** Files that go into the embedded object store and come out of it. */
final class LocalObjects implements AutoCloseable {
  private final EmbeddedObjectStore store;
  private final S3Client s3;

  /** Opens a client of a store, which stays open when this is closed. */
  LocalObjects(EmbeddedObjectStore store) {
    this.store = store;
    this.s3 =
        S3Client.builder()
            .endpointOverride(store.endpoint())
            .region(Region.US_EAST_1)
            .forcePathStyle(true)
            .httpClient(ApacheHttpClient.create())
            .requestChecksumCalculation(RequestChecksumCalculation.WHEN_REQUIRED)
            .responseChecksumValidation(ResponseChecksumValidation.WHEN_REQUIRED)
            .credentialsProvider(
                StaticCredentialsProvider.create(
                    AwsBasicCredentials.create(store.accessKey(), store.secretKey())))
            .build();
  }

  /**
   * Puts a file where an {@code s3:} URI says, making the bucket if need be.
   *
   * @throws IOException if the file is not readable
   */
  void upload(Path file, String uri) throws IOException {
    if (!Files.isReadable(file)) {
      throw new IOException(uri + ": there is no file to upload at " + file);
    }
    store.createBucket(bucket(uri));
    s3.putObject(put -> put.bucket(bucket(uri)).key(key(uri)), file);
  }

  /**
   * Copies all objects below an {@code s3:} URI into a folder.
   *
   * @return how many there were
   * @throws IOException if the disk refuses, or a name would leave the folder
   */
  int download(String uri, Path folder) throws IOException {
    String prefix = key(uri).replaceAll("/*$", "/");
    int count = 0;
    for (S3Object object :
        s3.listObjectsV2Paginator(list -> list.bucket(bucket(uri)).prefix(prefix)).contents()) {
      Path file = folder.resolve(object.key().substring(prefix.length())).normalize();
      if (!file.startsWith(folder)) {
        throw new IOException("an object would leave the folder: " + object.key());
      }
      Files.createDirectories(file.getParent());
      Files.deleteIfExists(file);
      s3.getObject(get -> get.bucket(bucket(uri)).key(object.key()), file);
      count++;
    }
    return count;
  }

  @Override
  public void close() {
    s3.close();
  }

  private static String bucket(String uri) {
    URI parsed = URI.create(uri);
    if (!"s3".equals(parsed.getScheme()) || parsed.getHost() == null) {
      throw new IllegalArgumentException("must be s3://bucket/key, was " + uri);
    }
    return parsed.getHost();
  }

  private static String key(String uri) {
    bucket(uri);
    return URI.create(uri).getPath().substring(1);
  }
}
