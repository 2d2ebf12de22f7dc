package dev.finetune.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.CheckpointRequest;
import dev.finetune.api.run.Progress;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.storage.FaultyStore.Fault;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Instant;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointRequestsTest {
  private static final String KEY = RunFixture.FOLDER + StorageLayout.CHECKPOINT_REQUEST;

  @TempDir private Path local;
  private RunFixture fixture;
  private CheckpointRequests requests;

  @BeforeEach
  void claim() {
    fixture = new RunFixture(local);
    requests = fixture.claim("a").checkpointRequests();
  }

  @Test
  void tellsEachNewRequestOnce() {
    assertThat(requests.poll()).isEmpty();
    ask("one");
    assertThat(requests.poll()).contains("one");
    assertThat(requests.poll()).isEmpty();
    ask("two");
    assertThat(requests.poll()).contains("two");
  }

  @Test
  void costsOneRequestWhileNothingIsNew() {
    ask("one");
    assertThat(requests.poll()).contains("one");
    fixture.store.takeRequests();
    assertThat(requests.poll()).isEmpty();
    assertThat(fixture.store.takeRequests()).containsExactly("head " + KEY);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "no JSON",
        "null",
        "[]",
        "{}",
        "{\"id\": \"\"}",
        "{\"id\": \"a\\nb\"}",
        "{\"id\": \"caf\\u00e9\"}",
        "{\"id\": {\"a\": 1}}",
        "{\"id\": \"0123456789012345678901234567890123456789012345678901234567890123\"}"
      })
  void passesOverWhatIsNoRequestAndSaysSoOnce(String content) {
    fixture.store.put(KEY, content.getBytes(StandardCharsets.UTF_8));
    assertThat(requests.poll()).isEmpty();
    assertThat(requests.poll()).isEmpty();
    assertThat(fixture.notices).singleElement().asString().contains("checkpoint-request.json");
    ask("one");
    assertThat(requests.poll()).contains("one");
  }

  @Test
  void readsNoLargeObject() {
    fixture.store.put(KEY, new byte[1 << 20]);
    assertThat(requests.poll()).isEmpty();
    assertThat(fixture.notices).singleElement().asString().contains("at most 4096 bytes");
  }

  @Test
  void seesARequestAfterAnOutage() {
    ask("one");
    fixture.store.plan(request -> Fault.FAIL);
    assertThat(requests.poll()).isEmpty();
    fixture.store.plan(request -> request.startsWith("get") ? Fault.FAIL : Fault.NONE);
    assertThat(requests.poll()).isEmpty();
    fixture.store.plan(request -> Fault.NONE);
    assertThat(requests.poll()).contains("one");
    assertThat(fixture.notices).isEmpty();
  }

  @Test
  void knowsWhatFormerAttemptsAnsweredAlsoWhereOneLeftNoWord() {
    assertThat(requests.answeredBefore()).isNull();
    fixture.store.put(
        RunFixture.FOLDER + StorageLayout.progress(1), RunJson.write(progress("one")));
    fixture.claim("a");
    Run third = fixture.claim("a");
    assertThat(third.attempt()).isEqualTo(3);
    assertThat(third.checkpointRequests().answeredBefore()).isEqualTo("one");
    fixture.store.put(
        RunFixture.FOLDER + StorageLayout.progress(2), "{".getBytes(StandardCharsets.UTF_8));
    assertThat(third.checkpointRequests().answeredBefore()).isNull();
  }

  private void ask(String id) {
    fixture.store.put(KEY, RunJson.write(new CheckpointRequest(id, Instant.EPOCH)));
  }

  private static Progress progress(String answered) {
    return new Progress(
        1,
        Progress.State.YIELDED,
        3,
        9,
        1.0,
        null,
        null,
        null,
        null,
        null,
        null,
        null,
        3,
        0,
        1.0,
        2.0,
        0.0,
        null,
        answered,
        null,
        Instant.EPOCH);
  }
}
