package dev.finetune.embedded.objectstore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.S3Exception;

class EmbeddedObjectStoreTest {
  @TempDir Path folder;

  @Test
  void keepsObjectsAsFilesUnderTheBucket() throws IOException {
    try (EmbeddedObjectStore store = EmbeddedObjectStore.start(ObjectStoreOptions.in(folder));
        S3Client client = client(store, store.secretKey())) {
      store.createBucket("runs");
      store.createBucket("runs");
      client.putObject(
          put -> put.bucket("runs").key("a/b.json").ifNoneMatch("*"), RequestBody.fromString("{}"));

      assertThat(client.getObjectAsBytes(get -> get.bucket("runs").key("a/b.json")).asUtf8String())
          .isEqualTo("{}");
      assertThat(folder.resolve("runs/a/b.json")).hasContent("{}");
      assertThatThrownBy(
              () ->
                  client.putObject(
                      put -> put.bucket("runs").key("a/b.json").ifNoneMatch("*"),
                      RequestBody.fromString("other")))
          .isInstanceOfSatisfying(
              S3Exception.class, e -> assertThat(e.statusCode()).isEqualTo(412));
    }
    assertThat(Files.exists(folder.resolve("runs/a/b.json"))).isTrue();
  }

  @Test
  void letsOneOfManyWritersReplaceAnObject() throws Exception {
    try (EmbeddedObjectStore store = EmbeddedObjectStore.start(ObjectStoreOptions.in(folder));
        S3Client client = client(store, store.secretKey());
        ExecutorService writers = Executors.newFixedThreadPool(16)) {
      store.createBucket("runs");
      String etag =
          client.putObject(p -> p.bucket("runs").key("k"), RequestBody.fromString("v")).eTag();
      List<Future<Boolean>> outcomes = new ArrayList<>();
      for (int i = 0; i < 16; i++) {
        RequestBody content = RequestBody.fromString("writer " + i);
        outcomes.add(
            writers.submit(
                () -> {
                  try {
                    client.putObject(p -> p.bucket("runs").key("k").ifMatch(etag), content);
                    return true;
                  } catch (S3Exception e) {
                    assertThat(e.statusCode()).isEqualTo(412);
                    return false;
                  }
                }));
      }
      int winners = 0;
      for (Future<Boolean> outcome : outcomes) {
        winners += outcome.get() ? 1 : 0;
      }
      assertThat(winners).isEqualTo(1);
    }
  }

  @Test
  void refusesAWrongSecret() throws IOException {
    try (EmbeddedObjectStore store =
            EmbeddedObjectStore.start(
                ObjectStoreOptions.in(folder).credentials("someone", "rightsecret"));
        S3Client client = client(store, "wrongsecret")) {
      store.createBucket("runs");
      assertThatThrownBy(() -> client.listObjectsV2(list -> list.bucket("runs")))
          .isInstanceOfSatisfying(
              S3Exception.class, e -> assertThat(e.statusCode()).isEqualTo(403));
    }
  }

  @Test
  void listensOnAGivenPortAndOnAllAddresses() throws IOException {
    int port;
    try (EmbeddedObjectStore first =
        EmbeddedObjectStore.start(ObjectStoreOptions.in(folder).host("0.0.0.0"))) {
      port = first.port();
      assertThat(first.endpoint()).hasHost("127.0.0.1").hasPort(port);
      assertThat(first.endpoint("10.1.2.3")).hasToString("http://10.1.2.3:" + port);
      assertThatThrownBy(
              () ->
                  EmbeddedObjectStore.start(
                      ObjectStoreOptions.in(folder).host("0.0.0.0").port(port)))
          .isInstanceOf(IOException.class)
          .hasMessageContaining("port " + port);
    }
    try (EmbeddedObjectStore second =
        EmbeddedObjectStore.start(ObjectStoreOptions.in(folder).port(port))) {
      assertThat(second.port()).isEqualTo(port);
    }
  }

  @Test
  void logsNothingInAnOrdinaryDay() throws IOException {
    List<String> lines = Collections.synchronizedList(new ArrayList<>());
    Handler handler =
        new Handler() {
          @Override
          public void publish(LogRecord record) {
            String logger = String.valueOf(record.getLoggerName());
            if (logger.startsWith("org.gaul") || logger.startsWith("org.eclipse.jetty")) {
              lines.add(logger + ": " + record.getMessage());
            }
          }

          @Override
          public void flush() {}

          @Override
          public void close() {}
        };
    Logger root = Logger.getLogger("");
    root.addHandler(handler);
    try (EmbeddedObjectStore store = EmbeddedObjectStore.start(ObjectStoreOptions.in(folder));
        S3Client client = client(store, store.secretKey())) {
      store.createBucket("runs");
      client.putObject(put -> put.bucket("runs").key("k"), RequestBody.fromString("v"));
      assertThatThrownBy(() -> client.getObjectAsBytes(get -> get.bucket("runs").key("missing")))
          .isInstanceOf(S3Exception.class);
    } finally {
      root.removeHandler(handler);
    }
    assertThat(lines).isEmpty();
  }

  @Test
  void refusesANameThatIsNoBucket() throws IOException {
    try (EmbeddedObjectStore store = EmbeddedObjectStore.start(ObjectStoreOptions.in(folder))) {
      assertThatThrownBy(() -> store.createBucket("../escape"))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("bucket: ");
    }
  }

  private static S3Client client(EmbeddedObjectStore store, String secret) {
    return S3Client.builder()
        .endpointOverride(store.endpoint())
        .region(Region.US_EAST_1)
        .forcePathStyle(true)
        .credentialsProvider(
            StaticCredentialsProvider.create(AwsBasicCredentials.create(store.accessKey(), secret)))
        .build();
  }
}
