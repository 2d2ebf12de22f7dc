package dev.finetune.embedded.faultproxy;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.embedded.objectstore.EmbeddedObjectStore;
import dev.finetune.embedded.objectstore.ObjectStoreOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.retry.AwsRetryStrategy;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.http.apache.ApacheHttpClient;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.S3Exception;

@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FaultProxyTest {
  @TempDir Path folder;
  private EmbeddedObjectStore store;
  private FaultProxy proxy;
  private S3Client client;

  @BeforeEach
  void start() throws IOException {
    store = EmbeddedObjectStore.start(ObjectStoreOptions.in(folder));
    store.createBucket("bucket");
    proxy = FaultProxy.before(store.endpoint());
    client =
        S3Client.builder()
            .endpointOverride(proxy.endpoint())
            .region(Region.US_EAST_1)
            .forcePathStyle(true)
            .credentialsProvider(
                StaticCredentialsProvider.create(
                    AwsBasicCredentials.create(store.accessKey(), store.secretKey())))
            .overrideConfiguration(o -> o.retryStrategy(AwsRetryStrategy.doNotRetry()))
            .httpClientBuilder(ApacheHttpClient.builder().socketTimeout(Duration.ofMillis(700)))
            .build();
  }

  @AfterEach
  void stop() throws IOException {
    client.close();
    proxy.close();
    store.close();
  }

  @Test
  void passesRequestsOnAndRecordsThem() {
    put("a/b", "content");
    assertThat(get("a/b")).isEqualTo("content");
    assertThat(client.listObjectsV2(l -> l.bucket("bucket").prefix("a/")).contents()).hasSize(1);
    client.deleteObject(d -> d.bucket("bucket").key("a/b"));
    assertThat(proxy.exchanges())
        .extracting(e -> e.request().method() + " " + e.request().key() + " " + e.status())
        .containsExactly("PUT a/b 200", "GET a/b 200", "GET  200", "DELETE a/b 204");
    assertThat(proxy.faults()).isZero();
    assertThat(proxy.exchanges().getFirst().request().headers())
        .containsKey("x-amz-date")
        .doesNotContainKey("authorization");
  }

  @Test
  void answersInsteadOfTheServerForTheRequestsThatAreMeant() {
    FaultRule rule =
        proxy.add(
            RequestMatch.all().method("PUT").key("a/.*").skip(1).times(2),
            Fault.unavailable(Duration.ofSeconds(7)));
    put("b", "no match");
    put("a/1", "skipped");
    for (int i = 0; i < 2; i++) {
      assertThatThrownBy(() -> put("a/2", "never arrives"))
          .isInstanceOfSatisfying(
              S3Exception.class,
              e -> {
                assertThat(e.statusCode()).isEqualTo(503);
                assertThat(e.awsErrorDetails().errorCode()).isEqualTo("ServiceUnavailable");
                assertThat(e.awsErrorDetails().sdkHttpResponse().firstMatchingHeader("Retry-After"))
                    .contains("7");
              });
    }
    assertThat(folder.resolve("bucket/a/2")).doesNotExist();
    put("a/2", "spent");
    assertThat(rule.count()).isEqualTo(2);
    assertThat(proxy.faults()).isEqualTo(2);
  }

  @Test
  void losesTheRequestOrItsAnswer() {
    proxy.add(RequestMatch.all().key("lost"), new Fault.Reset(Moment.BEFORE));
    proxy.add(RequestMatch.all().key("cut"), new Fault.CutRequest(3));
    proxy.add(RequestMatch.all().key("done"), new Fault.Reset(Moment.AFTER));
    for (String key : new String[] {"lost", "cut", "done"}) {
      assertThatThrownBy(() -> put(key, "content")).isInstanceOf(SdkClientException.class);
    }
    assertThat(folder.resolve("bucket/lost")).doesNotExist();
    assertThat(folder.resolve("bucket/cut")).doesNotExist();
    assertThat(folder.resolve("bucket/done")).hasContent("content");
  }

  @Test
  void cutsDribblesAndWithholdsAnswers() {
    put("k", "content");
    FaultRule cut = proxy.add(RequestMatch.all(), new Fault.CutAnswer(3));
    assertThatThrownBy(() -> get("k")).isInstanceOf(SdkException.class);
    proxy.remove(cut);

    FaultRule slow = proxy.add(RequestMatch.all(), new Fault.Dribble(2, Duration.ofMillis(50)));
    Instant start = Instant.now();
    assertThat(get("k")).isEqualTo("content");
    assertThat(Duration.between(start, Instant.now())).isGreaterThan(Duration.ofMillis(190));
    proxy.remove(slow);

    proxy.add(RequestMatch.all(), new Fault.Hang(Moment.BEFORE));
    assertThatThrownBy(() -> get("k")).isInstanceOf(SdkClientException.class);
  }

  @Test
  void movesTheDateOfAnswers() {
    proxy.add(RequestMatch.all(), new Fault.ShiftDate(Duration.ofHours(-3)));
    String date =
        client
            .putObject(p -> p.bucket("bucket").key("k"), RequestBody.fromString("v"))
            .sdkHttpResponse()
            .firstMatchingHeader("Date")
            .orElseThrow();
    Instant shown = Instant.from(java.time.format.DateTimeFormatter.RFC_1123_DATE_TIME.parse(date));
    assertThat(Duration.between(shown, Instant.now()))
        .isBetween(Duration.ofMinutes(179), Duration.ofMinutes(181));
  }

  @Test
  void keepsARequestUntilItIsLetGo() throws Exception {
    for (Moment moment : Moment.values()) {
      String key = "kept-" + moment;
      Hold hold = proxy.hold(RequestMatch.all().key(key), moment);
      CompletableFuture<Void> write = CompletableFuture.runAsync(() -> put(key, "content"));
      assertThat(hold.await(Duration.ofSeconds(10)).key()).isEqualTo(key);
      assertThat(folder.resolve("bucket").resolve(key).toFile().exists())
          .isEqualTo(moment == Moment.AFTER);
      assertThat(write).isNotDone();
      hold.release();
      write.get(10, TimeUnit.SECONDS);
    }
  }

  private void put(String key, String content) {
    client.putObject(p -> p.bucket("bucket").key(key), RequestBody.fromString(content));
  }

  private String get(String key) {
    return client.getObjectAsBytes(g -> g.bucket("bucket").key(key)).asUtf8String();
  }
}
