package dev.finetune.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.Progress;
import dev.finetune.api.run.RunJson;
import dev.finetune.trainer.failure.Fenced;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.source.SourceIdentity;
import dev.finetune.trainer.storage.FaultyStore.Fault;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** What a run says about itself: run.json, progress, metrics, heartbeat, delivery. */
class RunReportTest {
  @TempDir Path local;
  private RunFixture fixture;
  private Run run;

  @BeforeEach
  void claim() {
    fixture = new RunFixture(local);
    run = fixture.claim("a");
  }

  @Test
  void laterAttemptsObeyWhatTheFirstResolved() {
    RunRecord first = run.freeze(RunFixture.record("sha256:aa"));
    assertThat(first.createdByAttempt()).isEqualTo(1);
    RunRecord proposed = RunFixture.record("sha256:aa");
    RunRecord other =
        new RunRecord(
            proposed.specHash(), proposed.sources(), "fp32", 8, 99, true, proposed.versions(), 0);
    assertThat(fixture.claim("a").freeze(other)).isEqualTo(first);
  }

  @ParameterizedTest
  @EnumSource(
      value = Fault.class,
      names = {"FAIL", "LOSE_ANSWER"})
  void freezingSurvivesAFailedRequest(Fault fault) {
    fixture.store.once(fault, "putIfAbsent .*run.json");
    RunRecord frozen = run.freeze(RunFixture.record("sha256:aa"));
    assertThat(new RunRecordFile(fixture.folder).read()).contains(frozen);
  }

  @Test
  void otherBytesBehindTheSameUriEndTheJob() {
    run.freeze(RunFixture.record("sha256:aa"));
    Run second = fixture.claim("a");
    assertThatThrownBy(() -> second.freeze(RunFixture.record("sha256:bb")))
        .isInstanceOfSatisfying(
            InvalidConfiguration.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCode.INVALID))
        .hasMessage(
            "spec.model.uri: other bytes than when attempt 1 began this run: then s3://m/llama was"
                + " sha256:aa (10 bytes), now s3://m/llama was sha256:bb (10 bytes); bring the"
                + " former bytes back, or set spec.runId to begin a new run");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "spec.model.uri",
        "spec.dataset.train",
        "spec.dataset.eval",
        "spec.adapter.initFrom"
      })
  void otherBytesOfAnySourceEndTheJob(String field) {
    run.freeze(withSource(field, new SourceIdentity("file:x", "sha256:aa", 7)));
    Run second = fixture.claim("a");
    SourceIdentity changed = new SourceIdentity("file:x", "sha256:bb", 7);
    assertThatThrownBy(() -> second.freeze(withSource(field, changed)))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith(field + ": other bytes than when attempt 1 began this run")
        .hasMessageContaining("sha256:aa (7 bytes), now file:x was sha256:bb (7 bytes)")
        .hasMessageContaining("set spec.runId");
    assertThatThrownBy(() -> second.freeze(withSource(field, null)))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageContaining("now nothing");
  }

  private static RunRecord withSource(String field, @Nullable SourceIdentity identity) {
    RunRecord record = RunFixture.record("sha256:dd");
    TreeMap<String, SourceIdentity> sources = new TreeMap<>(record.sources());
    if (identity == null) {
      sources.remove(field);
    } else {
      sources.put(field, identity);
    }
    return new RunRecord(
        record.specHash(),
        sources,
        record.precision(),
        record.threads(),
        record.tokenBudget(),
        record.recompute(),
        record.versions(),
        0);
  }

  @Test
  void refusesARunRecordThatIsBroken() {
    fixture.store.put(RunFixture.FOLDER + "run.json", RunFixture.sealed("{}"));
    assertThatThrownBy(() -> run.freeze(RunFixture.record("sha256:aa")))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("run.json: specHash");
  }

  @Test
  void progressIsOverwritten() throws Exception {
    assertThat(run.writeProgress(progress(1))).isTrue();
    assertThat(run.writeProgress(progress(2))).isTrue();
    byte[] json =
        fixture
            .store
            .get(RunFixture.FOLDER + "attempt-0001/progress.json", 10_000)
            .orElseThrow()
            .content();
    assertThat(RunJson.read(json, Progress.class)).isEqualTo(progress(2));
  }

  @Test
  void trainingGoesOnWhileProgressCannotBeWrittenAndSaysSoOnce() {
    fixture.store.plan(r -> r.contains("progress") ? Fault.FAIL : Fault.NONE);
    assertThat(run.writeProgress(progress(1))).isFalse();
    assertThat(run.writeProgress(progress(2))).isFalse();
    assertThat(fixture.notices)
        .singleElement()
        .asString()
        .startsWith("progress cannot be written now, training goes on: ");
    fixture.store.plan(r -> Fault.NONE);
    assertThat(run.writeProgress(progress(3))).isTrue();
  }

  @Test
  void aFencedAttemptWritesNoProgress() {
    fixture.claim("a");
    assertThatThrownBy(() -> run.commit(1, fixture.files(run, 1), null)).isInstanceOf(Fenced.class);
    assertThat(run.writeProgress(progress(1))).isFalse();
    assertThat(fixture.keys()).doesNotContain("attempt-0001/progress.json");
  }

  @Test
  void metricsAreWrittenInParts() {
    run.appendMetrics(List.of("{\"step\":1}", "{\"step\":2}"), 2);
    run.appendMetrics(List.of("{\"step\":3}"), 3);
    assertThat(metrics(2)).isEqualTo("{\"step\":1}\n{\"step\":2}\n");
    assertThat(metrics(3)).isEqualTo("{\"step\":3}\n");
    assertThatThrownBy(() -> run.appendMetrics(List.of("{}"), 3))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void metricsWaitForTheEndOfAnOutageAndAreWholeBeforeTheCheckpointIsListed() {
    fixture.store.plan(r -> r.contains("metrics") ? Fault.LOSE_ANSWER : Fault.NONE);
    run.appendMetrics(List.of("{\"step\":1}"), 1);
    fixture.store.plan(r -> r.contains("metrics") ? Fault.FAIL : Fault.NONE);
    run.appendMetrics(List.of("{\"step\":2}"), 2);
    assertThat(fixture.notices)
        .singleElement()
        .asString()
        .startsWith("metrics cannot be written now and wait in memory: ");
    fixture.store.plan(r -> Fault.NONE);
    run.commit(2, fixture.files(run, 2), null);
    assertThat(metrics(1)).isEqualTo("{\"step\":1}\n");
    assertThat(metrics(2)).isEqualTo("{\"step\":2}\n");
  }

  @Test
  void theHeartbeatIsWrittenWhenAQuarterOfTheTimeHasPassed() {
    fixture.store.takeRequests();
    fixture.clock.advance(Duration.ofSeconds(74));
    run.heartbeat();
    assertThat(fixture.store.takeRequests()).isEmpty();
    fixture.clock.advance(Duration.ofSeconds(1));
    run.heartbeat();
    run.heartbeat();
    assertThat(fixture.store.takeRequests())
        .containsExactly("putIfMatch " + RunFixture.FOLDER + "head.json");
    assertThat(fixture.folder.readHead().orElseThrow().heartbeat())
        .isEqualTo(fixture.clock.instant());
  }

  @ParameterizedTest
  @EnumSource(
      value = Fault.class,
      names = {"FAIL", "LOSE_ANSWER"})
  void aHeartbeatSurvivesAFailedRequest(Fault fault) {
    fixture.store.once(fault, "putIfMatch .*");
    fixture.clock.advance(Duration.ofMinutes(2));
    run.heartbeat();
    assertThat(fixture.folder.readHead().orElseThrow().heartbeat())
        .isEqualTo(fixture.clock.instant());
    run.commit(5, fixture.files(run, 5), null);
    assertThat(fixture.listedSteps()).containsExactly(5);
    assertThat(fixture.notices).isEmpty();
  }

  @Test
  void trainingGoesOnWhileTheHeartbeatCannotBeWritten() {
    fixture.store.plan(r -> Fault.FAIL);
    fixture.clock.advance(Duration.ofMinutes(2));
    run.heartbeat();
    assertThat(fixture.notices)
        .singleElement()
        .asString()
        .startsWith("heartbeat cannot be written now: ");
  }

  @Test
  void theHeartbeatLearnsOfANewerAttempt() {
    fixture.claim("a");
    fixture.clock.advance(Duration.ofMinutes(2));
    assertThatThrownBy(run::heartbeat).isInstanceOf(Fenced.class);
  }

  @ParameterizedTest
  @EnumSource(
      value = Fault.class,
      names = {"NONE", "FAIL", "LOSE_ANSWER"})
  void deliversTheAdapterWithItsManifest(Fault fault) {
    fixture.store.once(fault, "putIfMatch .*");
    Delivery delivery = run.deliver(fixture.files(run, 9), new RunResult(9, 0.25, 1.5, 0.5));
    Head head = fixture.folder.readHead().orElseThrow();
    assertThat(head.delivered()).isEqualTo(delivery);
    assertThat(delivery.steps()).isEqualTo(9);
    assertThat(delivery.folder()).isEqualTo("attempt-0001/adapter/");
    assertThat(fixture.keys())
        .contains("attempt-0001/adapter/adapter.safetensors", "attempt-0001/adapter/manifest.json");
    run.release();
    assertThat(fixture.folder.readHead()).contains(head);
  }

  @Test
  void aFencedAttemptDeliversNothing() {
    fixture.claim("a");
    assertThatThrownBy(() -> run.deliver(fixture.files(run, 9), new RunResult(9, 1, null, null)))
        .isInstanceOf(Fenced.class);
    assertThat(fixture.folder.readHead().orElseThrow().delivered()).isNull();
  }

  private String metrics(int step) {
    String key = RunFixture.FOLDER + String.format("attempt-0001/metrics-%08d.jsonl", step);
    return new String(
        fixture.store.get(key, 10_000).orElseThrow().content(), StandardCharsets.UTF_8);
  }

  private static Progress progress(int step) {
    return new Progress(
        1,
        Progress.State.TRAINING,
        step,
        10,
        1.5,
        null,
        100.0,
        null,
        null,
        null,
        null,
        0,
        null,
        Instant.parse("2026-01-01T00:00:00Z"));
  }
}
