package dev.finetune.trainer.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.failure.Fenced;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.storage.FaultyStore.Crash;
import dev.finetune.trainer.storage.FaultyStore.Fault;
import dev.finetune.trainer.storage.MemoryStore;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class RunCheckpointTest {
  private static final String NEWEST = RunFixture.FOLDER + "attempt-0001/checkpoint-00000020/";

  @TempDir Path local;
  private RunFixture fixture;
  private Run run;

  @BeforeEach
  void claim() {
    fixture = new RunFixture(local);
    run = fixture.claim("a");
  }

  @Test
  void resumesFromTheNewestCheckpoint() {
    commit(10);
    CheckpointEntry entry = commit(20);
    Checkpoint checkpoint = fixture.claim("a").resume(fixture.work()).orElseThrow();
    assertThat(checkpoint.entry()).isEqualTo(entry);
    assertThat(checkpoint.step()).isEqualTo(20);
    assertThat(checkpoint.folder().resolve("adapter.safetensors")).hasContent("adapter 1 20");
    assertThat(checkpoint.folder().resolve("state.json")).hasContent("{\"step\": 20}");
    assertThat(fixture.notices).isEmpty();
  }

  @Test
  void aRunWithoutCheckpointsBeginsAtTheFirstStep() {
    assertThat(run.resume(fixture.work())).isEmpty();
    assertThat(fixture.notices).isEmpty();
  }

  @Test
  void theManifestIsWrittenAfterTheFilesAndTheHeadAfterTheManifest() {
    fixture.store.takeRequests();
    commit(10);
    String folder = RunFixture.FOLDER + "attempt-0001/checkpoint-00000010/";
    assertThat(fixture.store.takeRequests())
        .containsExactly(
            "upload " + folder + "adapter.safetensors",
            "upload " + folder + "state.json",
            "put " + folder + "manifest.json",
            "putIfMatch " + RunFixture.FOLDER + "head.json",
            "list " + RunFixture.FOLDER);
  }

  @ParameterizedTest
  @EnumSource(
      value = Fault.class,
      names = {"FAIL", "LOSE_ANSWER"})
  void aCommitSurvivesAFailedHeadWrite(Fault fault) {
    fixture.store.once(fault, "putIfMatch .*head.json");
    commit(10);
    commit(20);
    assertThat(fixture.listedSteps()).containsExactly(10, 20);
    assertThat(run.head()).isEqualTo(fixture.folder.readHead().orElseThrow());
  }

  @Test
  void aCommitSurvivesAnyOneFailedRequest() {
    int requests = 4;
    for (Fault fault : List.of(Fault.FAIL, Fault.LOSE_ANSWER)) {
      for (int failing = 0; failing < requests; failing++) {
        RunFixture each = new RunFixture(local, new MemoryStore(), 2);
        Run eachRun = each.claim("a");
        int[] left = {failing};
        each.store.plan(request -> left[0]-- == 0 ? fault : Fault.NONE);
        eachRun.commit(10, each.files(eachRun, 10), null);
        assertThat(each.claim("a").resume(each.work()).orElseThrow().step()).isEqualTo(10);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"upload .*", "put .*manifest.json", "putIfMatch .*head.json"})
  void aCrashInACommitLeavesTheFormerCheckpoint(String request) {
    commit(10);
    fixture.store.once(Fault.CRASH, request);
    assertThatThrownBy(() -> commit(20)).isInstanceOf(Crash.class);

    assertThat(fixture.listedSteps()).containsExactly(10);
    Run next = fixture.claim("a");
    assertThat(next.resume(fixture.work()).orElseThrow().step()).isEqualTo(10);
    next.commit(20, fixture.files(next, 20), null);
    assertThat(fixture.listedSteps()).containsExactly(10, 20);
  }

  @Test
  void aCheckpointThatCannotBeWrittenEndsAtTheDeadline() {
    commit(10);
    fixture.store.plan(request -> Fault.FAIL);
    assertThatThrownBy(() -> commit(20))
        .isInstanceOfSatisfying(
            StorageUnreachable.class,
            e -> assertThat(e.exitCode()).isEqualTo(ExitCode.STORAGE_UNREACHABLE));
    fixture.store.plan(request -> Fault.NONE);
    assertThat(fixture.listedSteps()).containsExactly(10);
    commit(20);
    assertThat(fixture.listedSteps()).containsExactly(10, 20);
  }

  @Test
  void anOldAttemptIsFencedAndWritesNothingAnyMore() {
    commit(10);
    Run newer = fixture.claim("a");
    assertThatThrownBy(() -> commit(20))
        .isInstanceOfSatisfying(
            Fenced.class, e -> assertThat(e.exitCode()).isEqualTo(ExitCode.FENCED))
        .hasMessageContaining("attempt 1 no longer owns");
    assertThat(fixture.listedSteps()).containsExactly(10);

    fixture.store.takeRequests();
    assertThatThrownBy(() -> commit(30)).isInstanceOf(Fenced.class);
    assertThatThrownBy(run::heartbeat).isInstanceOf(Fenced.class);
    assertThatThrownBy(() -> run.appendMetrics(List.of("{}"), 1)).isInstanceOf(Fenced.class);
    assertThatThrownBy(() -> run.deliver(fixture.files(run, 1), new RunResult(1, 1, null, null)))
        .isInstanceOf(Fenced.class);
    assertThatThrownBy(() -> run.freeze(RunFixture.record("sha256:aa"))).isInstanceOf(Fenced.class);
    run.release();
    assertThat(fixture.store.takeRequests()).isEmpty();

    newer.commit(20, fixture.files(newer, 20), null);
    assertThat(fixture.listedSteps()).containsExactly(10, 20);
  }

  @Test
  void filesOfADroppedCheckpointAreDeletedAfterTheHeadIsWritten() {
    commit(10);
    commit(20);
    fixture.store.takeRequests();
    commit(30);
    assertThat(fixture.listedSteps()).containsExactly(20, 30);
    List<String> requests = fixture.store.takeRequests();
    int head = requests.indexOf("putIfMatch " + RunFixture.FOLDER + "head.json");
    String dropped = RunFixture.FOLDER + "attempt-0001/checkpoint-00000010/";
    assertThat(requests.indexOf("delete " + dropped + "manifest.json")).isGreaterThan(head);
    assertThat(requests.indexOf("delete " + dropped + "state.json")).isGreaterThan(head);
    assertThat(fixture.keys()).noneMatch(key -> key.contains("checkpoint-00000010"));
  }

  @Test
  void nothingIsDeletedIfTheHeadCannotBeWritten() {
    commit(10);
    commit(20);
    fixture.store.plan(request -> request.startsWith("putIfMatch") ? Fault.FAIL : Fault.NONE);
    assertThatThrownBy(() -> commit(30)).isInstanceOf(StorageUnreachable.class);
    assertThat(fixture.keys()).filteredOn(key -> key.contains("checkpoint-00000010")).hasSize(3);
  }

  @Test
  void filesThatCannotBeDeletedStayAndAreTold() {
    commit(10);
    commit(20);
    fixture.store.plan(request -> request.startsWith("delete") ? Fault.FAIL : Fault.NONE);
    commit(30);
    assertThat(fixture.listedSteps()).containsExactly(20, 30);
    assertThat(fixture.notices)
        .singleElement()
        .asString()
        .startsWith("files that are no longer needed stay: ");
  }

  @Test
  void keepsTheBestCheckpointBesidesTheNewest() {
    run.commit(10, fixture.files(run, 10), 0.5);
    run.commit(20, fixture.files(run, 20), 0.9);
    run.commit(30, fixture.files(run, 30), null);
    run.commit(40, fixture.files(run, 40), 0.8);
    assertThat(fixture.listedSteps()).containsExactly(10, 30, 40);
    assertThat(run.head().best()).isEqualTo(10);
    assertThat(run.head().latest()).isEqualTo(40);
    run.commit(50, fixture.files(run, 50), 0.4);
    assertThat(fixture.listedSteps()).containsExactly(40, 50);
    assertThat(run.head().best()).isEqualTo(50);
  }

  @Test
  void committingTheSameStepTwiceChangesNothing() {
    CheckpointEntry first = commit(10);
    fixture.store.takeRequests();
    assertThat(commit(10)).isEqualTo(first);
    assertThat(fixture.store.takeRequests()).isEmpty();
  }

  @Test
  void fallsBackToTheNextOlderCheckpointThatVerifies() {
    commit(10);
    commit(20);
    fixture.store.put(NEWEST + "state.json", bytes("{\"step\": 21}"));
    assertFallsBackTo10("state.json has another SHA-256");
  }

  @Test
  void fallsBackFromATruncatedFile() {
    commit(10);
    commit(20);
    fixture.store.put(NEWEST + "state.json", bytes("{"));
    assertFallsBackTo10("state.json has 1 bytes instead of 12");
  }

  @Test
  void fallsBackFromAFileThatGrew() {
    commit(10);
    commit(20);
    fixture.store.put(NEWEST + "state.json", new byte[1000]);
    assertFallsBackTo10("state.json has more than 12 bytes");
  }

  @Test
  void fallsBackFromAMissingFileOrManifest() {
    commit(10);
    commit(20);
    fixture.store.delete(NEWEST + "adapter.safetensors");
    assertFallsBackTo10("adapter.safetensors is missing");
    fixture.store.delete(NEWEST + "manifest.json");
    fixture.notices.clear();
    assertFallsBackTo10("manifest.json is missing");
  }

  @Test
  void fallsBackFromAForgedManifest() {
    commit(10);
    commit(20);
    fixture.store.put(NEWEST + "manifest.json", bytes("{\"files\":{}}"));
    assertFallsBackTo10("manifest.json is not the one that was committed");
  }

  @Test
  void anOutageIsNoReasonToFallBack() {
    commit(10);
    commit(20);
    fixture.store.plan(
        request -> request.startsWith("download " + NEWEST) ? Fault.FAIL : Fault.NONE);
    assertThatThrownBy(() -> run.resume(fixture.work())).isInstanceOf(StorageUnreachable.class);
    fixture.store.once(Fault.FAIL, "download .*");
    assertThat(run.resume(fixture.work()).orElseThrow().step()).isEqualTo(20);
  }

  @Test
  void saysThatTheRunBeginsAnewIfNoCheckpointVerifies() {
    commit(20);
    fixture.store.delete(NEWEST + "state.json");
    assertThat(run.resume(fixture.work())).isEmpty();
    assertThat(fixture.notices)
        .hasSize(2)
        .last()
        .asString()
        .isEqualTo("none of 1 checkpoints can be used; the run begins anew");
  }

  @Test
  void aNewCourseReplacesWhatWasLeftBehind() {
    commit(10);
    commit(20);
    fixture.store.delete(NEWEST + "state.json");
    Run next = fixture.claim("a");
    assertThat(next.resume(fixture.work()).orElseThrow().step()).isEqualTo(10);
    next.commit(15, fixture.files(next, 15), null);
    assertThat(fixture.listedSteps()).containsExactly(10, 15);
    assertThat(next.head().latest()).isEqualTo(15);
    assertThat(fixture.keys()).noneMatch(key -> key.contains("checkpoint-00000020"));
  }

  @Test
  void refusesNamesThatLeaveTheFolder() {
    Map<String, Path> files = Map.of("../x", local.resolve("x"));
    assertThatThrownBy(() -> run.commit(10, files, null))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("../x");
  }

  @Test
  void refusesAStepThatIsNoneOrBeforeOneThatWasCommitted() {
    assertThatThrownBy(() -> commit(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("step: must be at least 1, was 0");
    commit(10);
    assertThatThrownBy(() -> commit(9))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("step: must be at least 10, was 9");
    assertThat(fixture.listedSteps()).containsExactly(10);
  }

  private void assertFallsBackTo10(String why) {
    Checkpoint checkpoint = run.resume(fixture.work()).orElseThrow();
    assertThat(checkpoint.step()).isEqualTo(10);
    assertThat(checkpoint.folder().resolve("state.json")).hasContent("{\"step\": 10}");
    assertThat(fixture.notices)
        .singleElement()
        .asString()
        .startsWith("checkpoint of step 20 (memory:" + NEWEST + ") cannot be used: ")
        .contains(why);
    assertThat(fixture.work()).isDirectoryNotContaining("glob:**/*.partial");
  }

  private CheckpointEntry commit(int step) {
    return run.commit(step, fixture.files(run, step), null);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
