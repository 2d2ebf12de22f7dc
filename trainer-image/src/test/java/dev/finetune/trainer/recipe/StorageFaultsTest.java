package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.embedded.faultproxy.Fault;
import dev.finetune.embedded.faultproxy.FaultProxy;
import dev.finetune.embedded.faultproxy.FaultRule;
import dev.finetune.embedded.faultproxy.Moment;
import dev.finetune.embedded.faultproxy.RequestMatch;
import dev.finetune.embedded.objectstore.EmbeddedObjectStore;
import dev.finetune.embedded.objectstore.ObjectStoreOptions;
import dev.finetune.trainer.chaos.Tally;
import dev.finetune.trainer.failure.TrainingFailure;
import dev.finetune.trainer.progress.Console;
import dev.finetune.trainer.storage.LaggingStore;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.ObjectStores;
import dev.finetune.trainer.storage.StorageSettings;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInfo;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Whole runs on the tiny Llama against an S3 server that fails. */
@Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
@Tag("chaos")
class StorageFaultsTest {
  private static final boolean LONG = "long".equals(System.getProperty("chaos"));

  @TempDir static Path folder;
  private static EmbeddedObjectStore server;
  private static FineTuneJobFile job;
  private static byte[] expected;

  private FaultProxy proxy;
  private String prefix = "";

  /** How a run ended and what it said. */
  private record Ended(ExitCode code, String message, String output) {}

  @BeforeAll
  static void runWithoutFaults() throws IOException {
    server = EmbeddedObjectStore.start(ObjectStoreOptions.in(folder.resolve("served")));
    server.createBucket("bucket");
    TrainingJobs jobs = new TrainingJobs(folder);
    job =
        FineTuneJobFile.read(
            jobs.write(jobs.yaml("maxSteps: 12", "maxSteps: 8", "everySteps: 5", "everySteps: 2")));
    Ended ended = run(server.endpoint(), "s3://bucket/faultless", UnaryOperator.identity(), "8s");
    assertThat(ended.code()).as(ended.output()).isEqualTo(ExitCode.DONE);
    expected = adapter("faultless");
  }

  @AfterAll
  static void stopServer() {
    server.close();
  }

  @BeforeEach
  void startProxy(TestInfo test) throws IOException {
    proxy = FaultProxy.before(server.endpoint());
    prefix = Integer.toHexString((test.getTestMethod() + test.getDisplayName()).hashCode());
  }

  @AfterEach
  void stopProxy() throws IOException {
    proxy.close();
  }

  /** Kinds of faults, in groups of as many as there are places. */
  private static final List<List<Fault>> PASSING =
      List.of(
          List.of(
              Fault.internalError(),
              Fault.unknownKey(),
              new Fault.Reset(Moment.AFTER),
              Fault.diskFull(),
              new Fault.CutAnswer(10)),
          List.of(
              Fault.expiredToken(),
              Fault.slowDown(),
              new Fault.Hang(Moment.BEFORE),
              Fault.quotaExceeded(),
              new Fault.Dribble(20, Duration.ofMillis(200))),
          List.of(
              new Fault.Hang(Moment.AFTER),
              new Fault.CutRequest(100),
              Fault.clockTooSkewed(),
              new Fault.Reset(Moment.BEFORE),
              Fault.unavailable(Duration.ofSeconds(1))));

  /** One kind at each place; in the long form every kind at every place. */
  static Stream<List<Fault>> passingFaults() {
    return LONG
        ? PASSING.stream().flatMap(List::stream).map(kind -> Collections.nCopies(5, kind))
        : PASSING.stream();
  }

  @ParameterizedTest
  @MethodSource("passingFaults")
  void faultsThatComeAndGoChangeNothingOfTheAdapter(List<Fault> kinds) throws IOException {
    int times = LONG ? 3 : 1;
    List<FaultRule> rules =
        List.of(
            proxy.add(writesAfter(4).times(times), kinds.get(0)),
            proxy.add(writesAfter(2).key(".*/head\\.json").times(times), kinds.get(1)),
            proxy.add(writesAfter(1).key(".*/checkpoint-.*").times(times), kinds.get(2)),
            proxy.add(writesAfter(1).key(".*/adapter/.*").times(times), kinds.get(3)),
            proxy.add(RequestMatch.all().method("GET").skip(1).times(times), kinds.get(4)));
    Ended ended = run("8s");
    assertThat(ended.code()).as(ended.message() + ended.output()).isEqualTo(ExitCode.DONE);
    assertThat(adapter(prefix)).isEqualTo(expected);
    assertThat(rules).allSatisfy(rule -> assertThat(rule.count()).isPositive());
    rules.forEach(rule -> Tally.add("storage faults that a run went through", "", rule.count()));
  }

  static Stream<Arguments> stayingFaults() {
    Stream<Arguments> brief =
        Stream.of(
            Arguments.of(Fault.diskFull(), "are full; make room or raise the quota"),
            Arguments.of(Fault.expiredToken(), "worked before and are refused now"),
            Arguments.of(new Fault.Hang(Moment.BEFORE), "no answer and no progress for 300 ms"));
    Stream<Arguments> more =
        Stream.of(
            Arguments.of(Fault.slowDown(), "HTTP 503 SlowDown"),
            Arguments.of(Fault.accessDenied(), "allowed before"),
            Arguments.of(new Fault.Reset(Moment.AFTER), "gave up after"));
    return LONG ? Stream.concat(brief, more) : brief;
  }

  @ParameterizedTest
  @MethodSource("stayingFaults")
  void aFaultThatStaysEndsWith77InTimeAndTheNextAttemptDeliversTheSameBytes(
      Fault fault, String message) throws IOException {
    FaultRule rule = proxy.add(checkpointsAfterTheFirst(), fault);
    Instant start = Instant.now();
    Ended ended = run("1s");
    assertThat(ended.code()).as(ended.output()).isEqualTo(ExitCode.STORAGE_UNREACHABLE);
    assertThat(ended.message()).contains(message).contains("s3://bucket/" + prefix);
    assertThat(Duration.between(start, Instant.now())).isLessThan(Duration.ofSeconds(60));
    assertThat(rule.count()).isGreaterThan(1);

    proxy.clear();
    Ended next = run("8s");
    assertThat(next.code()).as(next.message()).isEqualTo(ExitCode.DONE);
    assertThat(next.output()).contains("Resumed from the checkpoint of step 2");
    assertThat(adapter(prefix)).isEqualTo(expected);
  }

  @Test
  void nothingDependsOnAListingThatIsCurrent() throws IOException {
    UnaryOperator<ObjectStore> lagging = LaggingStore::new;
    String uri = "s3://bucket/" + prefix;
    proxy.add(checkpointsAfterTheFirst(), Fault.internalError());
    assertThat(run(proxy.endpoint(), uri, lagging, "1s").code())
        .isEqualTo(ExitCode.STORAGE_UNREACHABLE);
    proxy.clear();
    Ended ended = run(proxy.endpoint(), uri, lagging, "8s");
    assertThat(ended.code()).as(ended.message()).isEqualTo(ExitCode.DONE);
    assertThat(ended.output()).contains("Resumed from the checkpoint of step 2");
    assertThat(adapter(prefix)).isEqualTo(expected);
  }

  /** While one is saved the next may be passed over for a newer one, so no step is named. */
  private static RequestMatch checkpointsAfterTheFirst() {
    return writesAfter(0).key(".*/checkpoint-(?!00000002/).*");
  }

  private static RequestMatch writesAfter(int count) {
    return RequestMatch.all().method("PUT").skip(count);
  }

  private Ended run(String deadline) {
    return run(proxy.endpoint(), "s3://bucket/" + prefix, UnaryOperator.identity(), deadline);
  }

  private static Ended run(
      URI endpoint, String uri, UnaryOperator<ObjectStore> store, String deadline) {
    ByteArrayOutputStream output = new ByteArrayOutputStream();
    Environment environment =
        new Environment(
            Map.of(
                "AWS_ENDPOINT_URL",
                endpoint.toString(),
                "FINETUNE_STORAGE_DEADLINE",
                deadline,
                "FINETUNE_STORAGE_TIMEOUT",
                "300ms",
                "FINETUNE_OWNER",
                "test"));
    var keys = new StorageSettings.Credentials(server.accessKey(), server.secretKey());
    FineTuneRecipe recipe =
        new FineTuneRecipe(
            job,
            new FineTuneRecipe.Options(uri, null, false),
            environment,
            new Console(new PrintStream(output, true, StandardCharsets.UTF_8), false),
            new StopRequest(false),
            (opened, settings) -> store.apply(ObjectStores.open(opened, settings.with(keys))));
    try {
      ExitCode code = recipe.run();
      return new Ended(code, "", output.toString(StandardCharsets.UTF_8));
    } catch (TrainingFailure e) {
      return new Ended(e.exitCode(), e.getMessage(), output.toString(StandardCharsets.UTF_8));
    }
  }

  private static byte[] adapter(String prefix) throws IOException {
    try (Stream<Path> files = Files.walk(folder.resolve("served/bucket").resolve(prefix))) {
      return Files.readAllBytes(
          files
              .filter(file -> file.endsWith("adapter/adapter_model.safetensors"))
              .findFirst()
              .orElseThrow());
    }
  }
}
