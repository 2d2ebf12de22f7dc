package dev.finetune.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.storage.FaultyStore.Crash;
import dev.finetune.trainer.storage.FaultyStore.Fault;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LeftoversTest {
  private static final byte[] X = {'x'};

  @TempDir Path local;
  private RunFixture fixture;
  private Run first;

  @BeforeEach
  void crashBetweenManifestAndHead() {
    fixture = new RunFixture(local);
    first = fixture.claim("a");
    first.appendMetrics(List.of("{}"), 10);
    commit(first, 10);
    fixture.store.once(Fault.CRASH, "putIfMatch .*head.json");
    assertThatThrownBy(() -> commit(first, 20)).isInstanceOf(Crash.class);
    assertThat(fixture.keys()).contains("attempt-0001/checkpoint-00000020/manifest.json");
  }

  @Test
  void aLaterAttemptRemovesWhatWasNeverCommitted() {
    Run second = fixture.claim("a");
    commit(second, 15);
    assertThat(fixture.keys())
        .noneMatch(key -> key.contains("checkpoint-00000020"))
        .contains(
            "attempt-0001/checkpoint-00000010/manifest.json",
            "attempt-0001/metrics-00000010.jsonl",
            "attempt-0002/checkpoint-00000015/manifest.json");
    assertThat(fixture.listedSteps()).containsExactly(10, 15);
  }

  @Test
  void theDeliveryRemovesItTooIfNoCheckpointCameBefore() {
    Run second = fixture.claim("a");
    second.deliver(fixture.files(second, 30), new RunResult(30, 0.5, null, null));
    assertThat(fixture.keys())
        .noneMatch(key -> key.contains("checkpoint-00000020"))
        .contains("attempt-0002/adapter/manifest.json");
  }

  @Test
  void anAdapterThatWasNeverDeliveredIsRemoved() {
    Run second = fixture.claim("a");
    fixture.store.once(Fault.CRASH, "putIfMatch .*head.json");
    assertThatThrownBy(
            () -> second.deliver(fixture.files(second, 30), new RunResult(30, 0.5, null, null)))
        .isInstanceOf(Crash.class);
    assertThat(fixture.keys()).contains("attempt-0002/adapter/manifest.json");
    Run third = fixture.claim("a");
    third.deliver(fixture.files(third, 30), new RunResult(30, 0.5, null, null));
    assertThat(fixture.keys())
        .noneMatch(key -> key.startsWith("attempt-0002/adapter/"))
        .contains("attempt-0003/adapter/manifest.json");
  }

  @Test
  void whatIsOfTheOwnOrANewerAttemptIsNotTouched() {
    Run second = fixture.claim("a");
    fixture.store.put(RunFixture.FOLDER + "attempt-0002/checkpoint-00000099/state.json", X);
    fixture.store.put(RunFixture.FOLDER + "attempt-0003/checkpoint-00000099/state.json", X);
    fixture.store.put(RunFixture.FOLDER + "attempt-0001/notes.txt", X);
    commit(second, 15);
    assertThat(fixture.keys())
        .contains(
            "attempt-0002/checkpoint-00000099/state.json",
            "attempt-0003/checkpoint-00000099/state.json",
            "attempt-0001/notes.txt");
  }

  @Test
  void anOutageIsToldAndWhatStaysIsRemovedAfterTheNextCommit() {
    Run second = fixture.claim("a");
    commit(second, 15);
    fixture.store.plan(request -> request.startsWith("delete") ? Fault.FAIL : Fault.NONE);
    commit(second, 20);
    assertThat(fixture.notices)
        .singleElement()
        .asString()
        .startsWith("files that are no longer needed stay: ");
    assertThat(fixture.keys()).contains("attempt-0001/checkpoint-00000010/manifest.json");
    fixture.store.plan(request -> Fault.NONE);
    commit(second, 25);
    assertThat(fixture.listedSteps()).containsExactly(20, 25);
    assertThat(fixture.keys())
        .noneMatch(key -> key.contains("checkpoint-00000010"))
        .noneMatch(key -> key.contains("checkpoint-00000015"));
  }

  @Test
  void aCommitDeletesABoundedNumberOfObjects() {
    for (int i = 0; i < 250; i++) {
      fixture.store.put(RunFixture.FOLDER + "attempt-0001/checkpoint-00000030/part-" + i, X);
    }
    Run second = fixture.claim("a");
    for (int commit = 1; commit <= 3; commit++) {
      fixture.store.takeRequests();
      commit(second, 10 + commit);
      assertThat(fixture.store.takeRequests().stream().filter(r -> r.startsWith("delete")).count())
          .isBetween(50L, 100L);
    }
    commit(second, 20);
    assertThat(fixture.keys()).noneMatch(key -> key.contains("checkpoint-00000030"));
  }

  private void commit(Run run, int step) {
    run.commit(step, fixture.files(run, step), null);
  }
}
