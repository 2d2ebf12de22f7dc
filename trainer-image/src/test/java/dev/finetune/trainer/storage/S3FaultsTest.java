package dev.finetune.trainer.storage;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.embedded.faultproxy.Fault;
import dev.finetune.embedded.faultproxy.FaultProxy;
import dev.finetune.embedded.faultproxy.FaultRule;
import dev.finetune.embedded.faultproxy.Moment;
import dev.finetune.embedded.faultproxy.ProxiedRequest;
import dev.finetune.embedded.faultproxy.RequestMatch;
import dev.finetune.embedded.objectstore.EmbeddedObjectStore;
import dev.finetune.embedded.objectstore.ObjectStoreOptions;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** What the S3 store makes of a server, or a way to it, that fails. */
@Timeout(value = 120, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class S3FaultsTest {
  private static final Duration SILENCE = Duration.ofMillis(300);
  private static final Retry RETRY =
      new Retry(Duration.ofMillis(5), Duration.ofMillis(50), Duration.ofSeconds(20));

  @TempDir static Path served;
  private static EmbeddedObjectStore server;

  @TempDir Path local;
  private FaultProxy proxy;
  private ObjectStore once;
  private ObjectStore store;

  @BeforeAll
  static void startServer() throws IOException {
    server = EmbeddedObjectStore.start(ObjectStoreOptions.in(served));
    server.createBucket("bucket");
  }

  @AfterAll
  static void stopServer() {
    server.close();
  }

  @BeforeEach
  void start() throws IOException {
    proxy = FaultProxy.before(server.endpoint());
    once = S3Store.open("bucket", "p", settings());
    store = once.retrying(RETRY);
  }

  @AfterEach
  void stop() throws IOException {
    once.close();
    proxy.close();
  }

  private StorageSettings settings() {
    return StorageSettings.at(proxy.endpoint(), server.accessKey(), server.secretKey())
        .with(SILENCE, RETRY);
  }

  static Stream<Arguments> passingFaults() {
    return Stream.of(
            Fault.internalError(),
            Fault.slowDown(),
            Fault.unavailable(Duration.ofSeconds(0)),
            Fault.diskFull(),
            new Fault.Answer(429, "TooManyRequests"),
            new Fault.Answer(400, "RequestTimeout"),
            new Fault.Reset(Moment.BEFORE),
            new Fault.Reset(Moment.AFTER),
            new Fault.CutRequest(1),
            new Fault.CutAnswer(1),
            new Fault.Hang(Moment.BEFORE),
            new Fault.Hang(Moment.AFTER))
        .map(Arguments::of);
  }

  @ParameterizedTest
  @MethodSource("passingFaults")
  void everyRequestIsMadeAgainUntilAFaultIsOver(Fault fault) throws IOException {
    byte[] content = new byte[100_000];
    new Random(3).nextBytes(content);
    Path file = Files.write(local.resolve("in"), content);
    // A hanging server costs the whole time without progress each time.
    int times = fault instanceof Fault.Hang ? 1 : 2;
    List<FaultRule> rules =
        Stream.of("PUT", "GET", "HEAD", "DELETE")
            .map(
                method ->
                    proxy.add(RequestMatch.all().method(method).key("p/.*").times(times), fault))
            .toList();
    FaultRule listing = proxy.add(RequestMatch.all().query("list-type").times(times), fault);

    String etag = store.upload("a/large", file);
    store.put("a/small", "text".getBytes(UTF_8));
    assertThat(store.get("a/small", 100).orElseThrow().content()).isEqualTo("text".getBytes(UTF_8));
    assertThat(store.download("a/large", local.resolve("out"), content.length))
        .contains(new Downloaded(content.length, etag, Sha256.of(content)));
    assertThat(store.head("a/large")).contains(new StoredObject("a/large", content.length, etag));
    assertThat(store.list("a/"))
        .extracting(StoredObject::key)
        .containsExactly("a/large", "a/small");
    store.delete("a/large");
    store.delete("a/small");
    assertThat(store.list("")).isEmpty();
    assertThat(rules)
        .as("each method met it")
        .allSatisfy(rule -> assertThat(rule.count()).isPositive());
    assertThat(listing.count()).isEqualTo(times);
  }

  @ParameterizedTest
  @MethodSource("passingFaults")
  void aConditionalWriteIsSentOnceAndItsOutcomeIsOpen(Fault fault) {
    FaultRule rule = proxy.add(RequestMatch.all().method("PUT"), fault);
    ConditionalWrite outcome = once.putIfAbsent("c", new byte[] {1, 2});
    if (fault instanceof Fault.CutAnswer) {
      assertThat(outcome)
          .as("there is no body to cut in the answer to a write")
          .isInstanceOf(ConditionalWrite.Written.class);
    } else {
      assertThat(outcome).isInstanceOf(ConditionalWrite.Unanswered.class);
    }
    assertThat(rule.count()).isEqualTo(1);
    proxy.clear();
    store.delete("c");
  }

  @Test
  void aHangingServerIsGivenUpAtTheDeadline() {
    proxy.add(RequestMatch.all(), new Fault.Hang(Moment.BEFORE));
    Retry brief = new Retry(Duration.ofMillis(5), Duration.ofMillis(50), Duration.ofSeconds(1));
    Instant start = Instant.now();
    assertThatThrownBy(() -> once.retrying(brief).get("k", 10))
        .isInstanceOf(StorageUnreachable.class)
        .hasMessageContaining("cannot read s3://bucket/p/k: no answer and no progress for 300 ms");
    assertThat(Duration.between(start, Instant.now())).isLessThan(Duration.ofSeconds(5));
  }

  @Test
  void someoneInAHurryWaitsNoLongerThanTheyWant() throws IOException {
    proxy.add(RequestMatch.all(), new Fault.Hang(Moment.BEFORE));
    StorageSettings patient = settings().with(Duration.ofSeconds(60), RETRY);
    try (ObjectStore slow = S3Store.open("bucket", "p", patient)) {
      Instant start = Instant.now();
      assertThatThrownBy(() -> slow.impatient(Duration.ofMillis(200)).put("k", new byte[1]))
          .isInstanceOf(StorageUnreachable.class);
      assertThat(Duration.between(start, Instant.now())).isLessThan(Duration.ofSeconds(5));
    }
  }

  @Test
  void aServerThatStopsReadingIsGivenUp() throws IOException {
    Path file = Files.write(local.resolve("in"), new byte[12 << 20]);
    FaultRule clogged =
        proxy.add(RequestMatch.all().method("PUT").times(1), new Fault.StopReading(100_000));
    store.upload("clogged", file);
    assertThat(clogged.count()).isEqualTo(1);
    assertThat(store.head("clogged").orElseThrow().bytes()).isEqualTo(12 << 20);
    store.delete("clogged");
  }

  @Test
  void aSlowTransferThatMovesIsLetFinishAndOneThatCrawlsIsNot() throws IOException {
    byte[] content = new byte[1 << 20];
    store.upload("slow", Files.write(local.resolve("in"), content));
    FaultRule slow =
        proxy.add(
            RequestMatch.all().method("GET").times(1),
            new Fault.Dribble(100_000, Duration.ofMillis(100)));
    Instant start = Instant.now();
    assertThat(once.download("slow", local.resolve("out"), content.length)).isPresent();
    assertThat(Duration.between(start, Instant.now())).isGreaterThan(SILENCE.multipliedBy(3));
    assertThat(slow.count()).isEqualTo(1);

    proxy.add(RequestMatch.all().method("GET"), new Fault.Dribble(1000, Duration.ofMillis(50)));
    assertThatThrownBy(() -> once.download("slow", local.resolve("crawls"), content.length))
        .isInstanceOf(StorageUnreachable.class)
        .hasMessageContaining("no progress for 300 ms");
    assertThatThrownBy(() -> once.get("slow", content.length))
        .isInstanceOf(StorageUnreachable.class);
    proxy.clear();
    store.delete("slow");
    assertThat(local.resolve("crawls")).doesNotExist();
  }

  @Test
  void waitsAsLongAsTheStoreAsks() {
    FaultRule rule =
        proxy.add(RequestMatch.all().times(1), Fault.unavailable(Duration.ofSeconds(1)));
    Instant start = Instant.now();
    assertThat(store.get("nothing", 10)).isEmpty();
    assertThat(Duration.between(start, Instant.now()))
        .isBetween(Duration.ofMillis(990), Duration.ofSeconds(10));
    assertThat(rule.count()).isEqualTo(1);
  }

  static Stream<Arguments> fullStores() {
    return Stream.of(
            Fault.diskFull(),
            Fault.quotaExceeded(),
            new Fault.Answer(400, "XMinioAdminBucketQuotaExceeded"),
            new Fault.Answer(507, ""))
        .map(Arguments::of);
  }

  @ParameterizedTest
  @MethodSource("fullStores")
  void aFullStoreIsSaidToBeFullAndIsNoMistakeOfTheUser(Fault full) {
    proxy.add(RequestMatch.all().method("PUT"), full);
    assertThatThrownBy(() -> once.put("k", new byte[1]))
        .isInstanceOf(StorageUnreachable.class)
        .hasMessageContaining("are full; make room or raise the quota");
  }

  static Stream<Arguments> refusals() {
    return Stream.of(
            Fault.expiredToken(),
            Fault.unknownKey(),
            new Fault.Answer(403, "ExpiredToken"),
            new Fault.Answer(403, "SignatureDoesNotMatch"))
        .map(Arguments::of);
  }

  @ParameterizedTest
  @MethodSource("refusals")
  void credentialsAreWrongIfTheyNeverWorkedAndBeingReplacedIfTheyDid(Fault refusal) {
    FaultRule rule = proxy.add(RequestMatch.all(), refusal);
    assertThatThrownBy(() -> store.get("k", 10))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith("spec.storage.secretRef: cannot read s3://bucket/p/k");
    proxy.remove(rule);
    assertThat(store.get("k", 10)).isEmpty();
    proxy.add(RequestMatch.all().times(3), refusal);
    assertThatThrownBy(() -> once.put("k", new byte[1]))
        .isInstanceOf(StorageUnreachable.class)
        .hasMessageContaining("worked before and are refused now");
    assertThat(once.putIfAbsent("k", new byte[1])).isInstanceOf(ConditionalWrite.Unanswered.class);
    assertThat(store.get("k", 10)).isEmpty();
  }

  @Test
  void whatWasNeverAllowedIsAMistakeAndWhatWasIsWaitedFor() {
    store.get("k", 10);
    FaultRule denied = proxy.add(RequestMatch.all(), Fault.accessDenied());
    assertThatThrownBy(() -> store.put("k", new byte[1]))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageContaining("s3:PutObject");
    assertThatThrownBy(() -> once.get("k", 10))
        .isInstanceOf(StorageUnreachable.class)
        .hasMessageContaining("access denied, though it was allowed before");
    proxy.remove(denied);
  }

  @Test
  void readsCredentialsAgainThatAreReplacedInTheirFile() throws IOException {
    Path file = profile("old", "old-secret");
    System.setProperty("aws.sharedCredentialsFile", file.toString());
    try (ObjectStore rotating =
        S3Store.open(
            "bucket",
            "p",
            new StorageSettings(proxy.endpoint(), "us-east-1", true, null, null, SILENCE, RETRY))) {
      assertThatThrownBy(() -> rotating.get("k", 10)).isInstanceOf(InvalidConfiguration.class);
      profile(server.accessKey(), server.secretKey());
      awaitSuccess(rotating);
      profile("old", "old-secret");
      FaultRule gone =
          proxy.add(
              RequestMatch.all().where(r -> Files.exists(local.resolve("gone"))),
              Fault.unknownKey());
      Files.createFile(local.resolve("gone"));
      assertThatThrownBy(() -> rotating.get("k", 10)).isInstanceOf(StorageUnreachable.class);
      Files.delete(local.resolve("gone"));
      profile(server.accessKey(), server.secretKey());
      assertThat(rotating.retrying(RETRY).get("k", 10)).isEmpty();
      assertThat(gone.count()).isPositive();
    } finally {
      System.clearProperty("aws.sharedCredentialsFile");
    }
  }

  private static void awaitSuccess(ObjectStore rotating) {
    Instant end = Instant.now().plusSeconds(20);
    while (true) {
      try {
        assertThat(rotating.get("k", 10)).isEmpty();
        return;
      } catch (InvalidConfiguration e) {
        assertThat(Instant.now()).as("still %s", e.getMessage()).isBefore(end);
      }
    }
  }

  private Path profile(String key, String secret) throws IOException {
    return Files.writeString(
        local.resolve("credentials"),
        "[default]\naws_access_key_id=%s\naws_secret_access_key=%s\n".formatted(key, secret));
  }

  @Test
  void namesTheClockIfItIsWrongAndSignsWithTheStoresTimeFromThenOn() {
    Duration ahead = Duration.ofHours(2);
    String theirs =
        DateTimeFormatter.RFC_1123_DATE_TIME.format(ZonedDateTime.now(ZoneOffset.UTC).plus(ahead));
    proxy.add(
        RequestMatch.all().where(request -> skew(request).minus(ahead).abs().toMinutes() > 15),
        new Fault.Answer(403, "RequestTimeTooSkewed", Map.of("Date", theirs)));
    proxy.add(RequestMatch.all(), new Fault.Answer(200, "", Map.of("ETag", "\"e\"")));
    try {
      assertThatThrownBy(() -> once.put("k", new byte[1]))
          .isInstanceOf(StorageUnreachable.class)
          .hasMessageMatching(
              ".*RequestTimeTooSkewed: the clock of this machine is 7\\d\\d\\d s behind the store's.*");
      assertThat(once.put("k", new byte[1])).isEqualTo("\"e\"");
    } finally {
      // The SDK keeps the difference for the whole process; the true server puts it right.
      proxy.clear();
      store.get("k", 10);
    }
  }

  private static Duration skew(ProxiedRequest request) {
    Instant signed =
        LocalDateTime.parse(
                request.header("x-amz-date"), DateTimeFormatter.ofPattern("yyyyMMdd'T'HHmmss'Z'"))
            .toInstant(ZoneOffset.UTC);
    return Duration.between(Instant.now(), signed);
  }

  @Test
  void namesTheRegionOrThePlaceThatAnAnswerPointsTo() {
    FaultRule region =
        proxy.add(
            RequestMatch.all(),
            new Fault.Answer(
                301, "PermanentRedirect", Map.of("x-amz-bucket-region", "eu-central-1")));
    assertThatThrownBy(() -> store.get("k", 10))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith("spec.storage.region: ")
        .hasMessageEndingWith("the bucket is in another region, eu-central-1");
    proxy.remove(region);
    proxy.add(
        RequestMatch.all(),
        new Fault.Answer(302, "", Map.of("Location", "https://login.example/")));
    assertThatThrownBy(() -> store.put("k", new byte[1]))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith("spec.storage.endpoint: ")
        .hasMessageEndingWith("it points to https://login.example/");
  }

  @Test
  void saysThatAServerWithoutEtagsIsNoStore() {
    proxy.add(RequestMatch.all(), new Fault.Answer(200, ""));
    assertThatThrownBy(() -> store.put("k", new byte[1]))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith("spec.storage.endpoint: ")
        .hasMessageContaining("no ETag");
  }

  @Test
  void listsThousandsOfObjectsByThePage() throws IOException {
    // The server reads its whole folder for each page.
    int count = "long".equals(System.getProperty("chaos")) ? 10_000 : 2_500;
    Path folder = Files.createDirectories(served.resolve("bucket/many/run"));
    for (int i = 0; i < count; i++) {
      Files.writeString(folder.resolve(String.format("object-%05d", i)), "x");
    }
    FaultRule cut =
        proxy.add(
            RequestMatch.all().query("list-type").skip(1).times(1), new Fault.CutAnswer(1000));
    try (ObjectStore many =
        S3Store.open("bucket", "many", settings().with(Duration.ofSeconds(30), RETRY))) {
      List<StoredObject> listed = many.retrying(RETRY).list("run/");
      assertThat(listed).hasSize(count).doesNotHaveDuplicates();
      assertThat(listed.getLast().key()).isEqualTo(String.format("run/object-%05d", count - 1));
      assertThat(cut.count()).isEqualTo(1);
      assertThat(proxy.exchanges()).hasSizeGreaterThan(count / 1000 + 1);
    }
  }
}
