package dev.finetune.trainer.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.embedded.objectstore.EmbeddedObjectStore;
import dev.finetune.embedded.objectstore.ObjectStoreOptions;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import java.io.IOException;
import java.io.InputStream;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class S3StoreTest extends ObjectStoreContract {
  @TempDir static Path served;
  private static final AtomicInteger PREFIXES = new AtomicInteger();
  private static EmbeddedObjectStore server;

  @BeforeAll
  static void start() throws IOException {
    server = EmbeddedObjectStore.start(ObjectStoreOptions.in(served));
    server.createBucket("bucket");
  }

  @AfterAll
  static void stop() {
    server.close();
  }

  @Override
  ObjectStore open() {
    return S3Store.open(
        "bucket",
        "p" + PREFIXES.incrementAndGet(),
        settings(),
        new S3Store.Sizes(7, 64 << 20, 16 << 20));
  }

  @Test
  void sendsALargeFileInParts() throws IOException {
    byte[] content = new byte[(33 << 20) + 5];
    new Random(2).nextBytes(content);
    Path file = Files.write(local.resolve("in"), content);
    try (ObjectStore store =
        S3Store.open("bucket", "parts", settings(), new S3Store.Sizes(1000, 1 << 20, 16 << 20))) {
      String etag = store.upload("large", file);
      assertThat(etag).as("ETag of an object of three parts").endsWith("-3\"");
      Downloaded downloaded =
          store.download("large", local.resolve("out"), content.length).orElseThrow();
      assertThat(downloaded.sha256()).isEqualTo(Sha256.of(content));
      assertThat(store.list("")).hasSize(1);
    }
  }

  @Test
  void cutsPartsSoThatTheyAreAtMostTenThousand() {
    assertThat(MultipartUpload.partBytes(65L << 20, 16 << 20)).isEqualTo(16 << 20);
    long large = 1L << 40;
    assertThat(Math.ceilDiv(large, (long) MultipartUpload.partBytes(large, 16 << 20)))
        .isLessThanOrEqualTo(10_000);
  }

  @Test
  void namesTheSecretIfItIsWrongAndDoesNotShowIt() {
    StorageSettings wrong =
        StorageSettings.at(server.endpoint(), server.accessKey(), "wrong-secret-xyz");
    try (ObjectStore store = S3Store.open("bucket", "p", wrong).retrying(Retry.standard())) {
      assertThatThrownBy(() -> store.get("head.json", 100))
          .isInstanceOf(InvalidConfiguration.class)
          .hasMessageStartingWith("spec.storage.secretRef: cannot read s3://bucket/p/head.json")
          .hasStackTraceContaining("SignatureDoesNotMatch")
          .satisfies(e -> assertThat(stackTrace(e)).doesNotContain("wrong-secret-xyz"));
      assertThatThrownBy(() -> store.list("")).isInstanceOf(InvalidConfiguration.class);
      assertThatThrownBy(() -> store.head("k")).isInstanceOf(InvalidConfiguration.class);
    }
    assertThat(wrong.toString()).doesNotContain("wrong-secret-xyz");
  }

  @Test
  void aConditionalWriteWithAWrongSecretIsNoLostAnswer() {
    StorageSettings wrong = StorageSettings.at(server.endpoint(), server.accessKey(), "wrong");
    try (ObjectStore store = S3Store.open("bucket", "p", wrong)) {
      assertThatThrownBy(() -> store.putIfAbsent("k", bytes("x")))
          .isInstanceOf(InvalidConfiguration.class)
          .hasMessageStartingWith("spec.storage.secretRef: ");
    }
  }

  @Test
  void namesAnUnknownAccessKey() {
    StorageSettings unknown = StorageSettings.at(server.endpoint(), "nobody", "whatever");
    try (ObjectStore store = S3Store.open("bucket", "p", unknown)) {
      assertThatThrownBy(() -> store.put("k", bytes("x")))
          .isInstanceOf(InvalidConfiguration.class)
          .hasMessageStartingWith("spec.storage.secretRef: ");
    }
  }

  @Test
  void namesTheUriIfThereIsNoSuchBucket() {
    try (ObjectStore store =
        S3Store.open("no-such-bucket", "p", settings()).retrying(Retry.standard())) {
      assertThatThrownBy(() -> store.put("k", bytes("x")))
          .isInstanceOf(InvalidConfiguration.class)
          .hasMessageStartingWith("spec.storage.uri: cannot write s3://no-such-bucket/p/k");
      assertThatThrownBy(() -> store.list("")).isInstanceOf(InvalidConfiguration.class);
      assertThatThrownBy(() -> store.get("k", 10)).isInstanceOf(InvalidConfiguration.class);
    }
  }

  @Test
  void givesUpAtTheDeadlineIfNobodyListens() throws IOException {
    int port;
    try (ServerSocket socket = new ServerSocket(0)) {
      port = socket.getLocalPort();
    }
    StorageSettings closed = StorageSettings.at(URI.create("http://127.0.0.1:" + port), "a", "b");
    try (ObjectStore store = S3Store.open("bucket", "p", closed)) {
      assertThatThrownBy(() -> store.retrying(fast()).get("head.json", 100))
          .isInstanceOf(StorageUnreachable.class)
          .hasMessageMatching(
              "(?s)read s3://bucket/p/head.json: gave up after \\d+ tries within 0 s: .*refused.*");
      assertThat(store.putIfAbsent("k", bytes("x")))
          .isInstanceOf(ConditionalWrite.Unanswered.class);
    }
  }

  @Test
  void sendsAConditionalWriteOnceThoughTheServerFails() throws Exception {
    AtomicInteger requests = new AtomicInteger();
    try (ServerSocket socket = new ServerSocket(0)) {
      Thread.ofVirtual().start(() -> answerWithServerErrors(socket, requests));
      StorageSettings failing =
          StorageSettings.at(URI.create("http://127.0.0.1:" + socket.getLocalPort()), "a", "b");
      try (ObjectStore store = S3Store.open("bucket", "p", failing)) {
        assertThat(store.putIfMatch("k", bytes("x"), "\"etag\""))
            .isInstanceOfSatisfying(
                ConditionalWrite.Unanswered.class,
                unanswered -> assertThat(unanswered.cause()).hasMessageContaining("HTTP 503"));
      }
    }
    assertThat(requests).hasValue(1);
  }

  @Test
  void takesSettingsFromTheEnvironment() {
    var storage =
        new dev.finetune.api.spec.Storage("s3://b/p", null, "eu-west-1", null, null, null);
    assertThat(StorageSettings.of(storage, Map.of()))
        .isEqualTo(new StorageSettings(null, "eu-west-1", false, null, null));
    assertThat(
            StorageSettings.of(
                storage,
                Map.of("AWS_ENDPOINT_URL", "http://store:9000", "AWS_CA_BUNDLE", "/ca/ca.pem")))
        .isEqualTo(
            new StorageSettings(
                URI.create("http://store:9000"), "eu-west-1", true, Path.of("/ca/ca.pem"), null));
  }

  static StorageSettings settings() {
    return StorageSettings.at(server.endpoint(), server.accessKey(), server.secretKey());
  }

  private static void answerWithServerErrors(ServerSocket server, AtomicInteger requests) {
    while (true) {
      try (Socket socket = server.accept()) {
        requests.incrementAndGet();
        InputStream in = socket.getInputStream();
        in.read(new byte[1 << 16]);
        socket
            .getOutputStream()
            .write(
                bytes("HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
      } catch (IOException e) {
        return;
      }
    }
  }

  private static String stackTrace(Throwable e) {
    java.io.StringWriter out = new java.io.StringWriter();
    e.printStackTrace(new java.io.PrintWriter(out));
    return out.toString();
  }
}
