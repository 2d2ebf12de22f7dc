package dev.finetune.trainer.storage;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.embedded.faultproxy.Exchange;
import dev.finetune.embedded.faultproxy.Fault;
import dev.finetune.embedded.faultproxy.FaultProxy;
import dev.finetune.embedded.faultproxy.FaultRule;
import dev.finetune.embedded.faultproxy.Hold;
import dev.finetune.embedded.faultproxy.Moment;
import dev.finetune.embedded.faultproxy.RequestMatch;
import dev.finetune.embedded.objectstore.EmbeddedObjectStore;
import dev.finetune.embedded.objectstore.ObjectStoreOptions;
import dev.finetune.trainer.failure.StorageUnreachable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Large files on their way, in parts, over a line that fails. */
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class MultipartUploadTest {
  private static final int PART = 5 << 20;
  private static final Retry RETRY =
      new Retry(Duration.ofMillis(5), Duration.ofMillis(50), Duration.ofSeconds(4));

  @TempDir Path served;
  @TempDir Path local;
  private EmbeddedObjectStore server;
  private FaultProxy proxy;
  private ObjectStore store;
  private Path file;

  @BeforeEach
  void start() throws IOException {
    server = EmbeddedObjectStore.start(ObjectStoreOptions.in(served));
    server.createBucket("bucket");
    proxy = FaultProxy.before(server.endpoint());
    StorageSettings settings =
        StorageSettings.at(proxy.endpoint(), server.accessKey(), server.secretKey())
            .with(Duration.ofSeconds(2), RETRY);
    store = S3Store.open("bucket", "p", settings, new S3Store.Sizes(1000, PART, PART));
    byte[] content = new byte[5 * PART + 7];
    new Random(2).nextBytes(content);
    file = Files.write(local.resolve("in"), content);
  }

  @AfterEach
  void stop() throws IOException {
    store.close();
    proxy.close();
    server.close();
  }

  @Test
  void sendsFourPartsAtATime() throws Exception {
    List<Hold> holds =
        IntStream.range(0, 5)
            .mapToObj(i -> proxy.hold(RequestMatch.all().query("partNumber"), Moment.BEFORE))
            .toList();
    CompletableFuture<String> upload =
        CompletableFuture.supplyAsync(() -> store.upload("large", file));
    for (Hold hold : holds.subList(0, 4)) {
      hold.await(Duration.ofSeconds(10));
    }
    Thread.sleep(300);
    assertThat(holds.getLast().caught()).as("a fifth part at the same time").isFalse();
    proxy.clear();
    assertThat(upload.get(30, TimeUnit.SECONDS)).as("ETag of six parts").endsWith("-6\"");
    assertArrivedWhole();
    assertThat(parts()).isEqualTo(6);
  }

  @Test
  void sendsOnlyThePartAgainThatWasLost() throws IOException {
    FaultRule lost =
        proxy.add(
            RequestMatch.all().query("partNumber=3").times(1), new Fault.CutRequest(1_000_000));
    FaultRule unanswered =
        proxy.add(RequestMatch.all().query("partNumber=5").times(1), new Fault.Reset(Moment.AFTER));
    FaultRule hanging =
        proxy.add(
            RequestMatch.all().query("partNumber=2").times(1), new Fault.StopReading(1_000_000));
    store.upload("large", file);
    assertArrivedWhole();
    assertThat(lost.count() + unanswered.count() + hanging.count()).isEqualTo(3);
    assertThat(parts()).isEqualTo(9);
    assertThat(proxy.exchanges())
        .filteredOn(e -> e.request().query().equals("uploads"))
        .as("one upload")
        .hasSize(1);
  }

  @Test
  void removesItsPartsWhenItGivesUp() {
    proxy.add(RequestMatch.all().query("partNumber=4"), Fault.internalError());
    assertThatThrownBy(() -> store.upload("large", file))
        .isInstanceOf(StorageUnreachable.class)
        .hasMessageContaining("write s3://bucket/p/large, part 4: gave up")
        .hasMessageContaining("HTTP 500");
    assertThat(store.head("large")).isEmpty();
    assertThat(proxy.exchanges())
        .filteredOn(e -> e.request().method().equals("DELETE"))
        .singleElement()
        .satisfies(abort -> assertThat(abort.request().query()).contains("uploadId="));
    assertThat(store.abandonUploads("", Instant.now().plusSeconds(60))).isZero();
  }

  @Test
  void beginsAnewIfTheLastAnswerIsLost() throws IOException {
    FaultRule lost =
        proxy.add(
            RequestMatch.all().method("POST").query("uploadId").times(1),
            new Fault.Reset(Moment.AFTER));
    assertThat(store.retrying(RETRY).upload("large", file)).endsWith("-6\"");
    assertArrivedWhole();
    assertThat(lost.count()).isEqualTo(1);
  }

  @Test
  void abandonsOldUploadsOfItsFolderOnly() {
    // The answer to the abort is lost before the server sees it: parts stay.
    proxy.add(RequestMatch.all().query("partNumber=1"), Fault.internalError());
    FaultRule noAbort =
        proxy.add(RequestMatch.all().method("DELETE"), new Fault.Reset(Moment.BEFORE));
    for (String key : new String[] {"run/large", "other/large"}) {
      assertThatThrownBy(() -> store.upload(key, file)).isInstanceOf(StorageUnreachable.class);
    }
    proxy.remove(noAbort);
    assertThat(store.abandonUploads("run/", Instant.now().minusSeconds(86_400))).isZero();
    assertThat(store.abandonUploads("run/", Instant.now().plusSeconds(60))).isEqualTo(1);
    assertThat(store.abandonUploads("run/", Instant.now().plusSeconds(60))).isZero();
    assertThat(store.abandonUploads("other/", Instant.now().plusSeconds(60))).isEqualTo(1);
  }

  private void assertArrivedWhole() throws IOException {
    assertThat(store.download("large", local.resolve("out"), 6L * PART).orElseThrow().sha256())
        .isEqualTo(Sha256.of(file));
  }

  private long parts() {
    return proxy.exchanges().stream().filter(MultipartUploadTest::isPart).count();
  }

  private static boolean isPart(Exchange exchange) {
    return exchange.request().query().contains("partNumber");
  }
}
