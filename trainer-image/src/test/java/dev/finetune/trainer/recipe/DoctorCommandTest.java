package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.finetune.api.run.ExitCode;
import dev.finetune.embedded.faultproxy.Fault;
import dev.finetune.embedded.faultproxy.FaultProxy;
import dev.finetune.embedded.faultproxy.Moment;
import dev.finetune.embedded.faultproxy.RequestMatch;
import dev.finetune.embedded.objectstore.EmbeddedObjectStore;
import dev.finetune.embedded.objectstore.ObjectStoreOptions;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 2, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class DoctorCommandTest {
  @TempDir static Path served;
  private static EmbeddedObjectStore server;

  @TempDir Path folder;
  private FaultProxy proxy;

  @BeforeAll
  static void startServer() throws IOException {
    server = EmbeddedObjectStore.start(ObjectStoreOptions.in(served));
    server.createBucket("bucket");
    System.setProperty("aws.accessKeyId", server.accessKey());
    System.setProperty("aws.secretAccessKey", server.secretKey());
  }

  @AfterAll
  static void stopServer() {
    System.clearProperty("aws.accessKeyId");
    System.clearProperty("aws.secretAccessKey");
    server.close();
  }

  @BeforeEach
  void startProxy() throws IOException {
    proxy = FaultProxy.before(server.endpoint());
  }

  @AfterEach
  void stopProxy() throws IOException {
    proxy.close();
  }

  @Test
  void findsNothingWrongWithAStoreThatDoesAllAndLeavesNothing() throws Exception {
    TrainingJobs.Ended ended = doctor("--storage", "s3://bucket/clean");
    assertThat(ended.status()).as(ended.output()).isZero();
    assertThat(ended.output().lines().map(line -> line.split(" {2,}")[0]))
        .containsExactly(
            "processors",
            "memory",
            "work folder",
            "cache",
            "reach and credentials",
            "write",
            "read after write",
            "If-None-Match",
            "If-Match",
            "list",
            "upload in parts",
            "delete",
            "clock",
            "latency");
    assertThat(ended.output())
        .contains("one part sent and given up")
        .doesNotContain("FAILED")
        .doesNotContain("SKIPPED");
    try (Stream<Path> files = Files.walk(served.resolve("bucket"))) {
      assertThat(files.filter(Files::isRegularFile).map(Path::toString))
          .noneMatch(file -> file.contains("clean"));
    }
  }

  @Test
  void looksAtAFolderToo() {
    TrainingJobs.Ended ended =
        TrainingJobs.command(
            new StopRequest(false), "doctor", "--storage", "file:" + folder.resolve("runs"));
    assertThat(ended.status()).as(ended.output()).isZero();
    assertThat(ended.output()).contains("not needed here").contains("none of its own");
  }

  @Test
  void tellsAsJsonWhatAProgramNeeds() throws Exception {
    proxy.add(
        RequestMatch.all().method("DELETE").where(r -> !r.query().contains("uploadId")),
        Fault.accessDenied());
    TrainingJobs.Ended ended = doctor("--output", "json");
    JsonNode findings = new ObjectMapper().readTree(ended.output());
    assertThat(ended.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(findings.path("exitCode").asInt()).isEqualTo(42);
    assertThat(findings.path("storage").asText()).isEqualTo("s3://bucket/runs");
    assertThat(findings.path("checks"))
        .filteredOn(check -> check.path("name").asText().equals("delete"))
        .singleElement()
        .satisfies(
            check -> {
              assertThat(check.path("outcome").asText()).isEqualTo("FAILED");
              assertThat(check.path("detail").asText()).contains("s3:DeleteObject");
            });
  }

  @Test
  void refusesAStoreThatIgnoresConditions() throws Exception {
    // Such a store answers a conditional write like any other.
    Fault ignores = new Fault.Answer(200, "", Map.of("ETag", "\"any\""));
    proxy.add(RequestMatch.all().hasHeader("if-none-match"), ignores);
    proxy.add(RequestMatch.all().hasHeader("if-match").skip(1), ignores);
    TrainingJobs.Ended ended = doctor();
    assertThat(ended.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(failed(ended, "If-None-Match")).contains("on an object that exists was done");
    assertThat(failed(ended, "If-Match ")).contains("on a former ETag was done");
  }

  @Test
  void saysWhichPartOfAStoreIsMissing() throws Exception {
    proxy.add(RequestMatch.all().query("uploads"), new Fault.Answer(501, "NotImplemented"));
    proxy.add(RequestMatch.all(), new Fault.ShiftDate(Duration.ofMinutes(-7)));
    TrainingJobs.Ended ended = doctor();
    assertThat(ended.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(failed(ended, "upload in parts")).contains("the store lacks a needed feature");
    assertThat(ended.output()).containsPattern("clock +WARNING .*42\\d s ahead of the store's");
  }

  @Test
  void endsWith77IfNobodyAnswersAndSkipsTheRest() throws Exception {
    proxy.add(RequestMatch.all(), new Fault.Reset(Moment.BEFORE));
    TrainingJobs.Ended ended = doctor();
    assertThat(ended.status()).isEqualTo(ExitCode.STORAGE_UNREACHABLE.code());
    assertThat(failed(ended, "reach")).contains("gave up after");
    assertThat(ended.output()).containsPattern("If-Match +SKIPPED");
  }

  private static String failed(TrainingJobs.Ended ended, String name) {
    String line =
        ended.output().lines().filter(l -> l.startsWith(name)).findFirst().orElse("no " + name);
    assertThat(line).as(ended.output()).contains("FAILED");
    return line;
  }

  /** Runs the command on a job, whose storage is given by the job's own fields. */
  private TrainingJobs.Ended doctor(String... more) throws IOException {
    TrainingJobs jobs = new TrainingJobs(folder);
    Path job =
        jobs.write(
            jobs.yaml(
                "uri: file:" + folder.resolve("runs"),
                "uri: s3://bucket/runs\n    endpoint: " + proxy.endpoint()));
    String[] arguments =
        Stream.concat(Stream.of("doctor", "--job", job.toString()), Stream.of(more))
            .toArray(String[]::new);
    return TrainingJobs.command(new StopRequest(false), arguments);
  }
}
