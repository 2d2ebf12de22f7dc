package dev.finetune.trainer.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.Head;
import dev.finetune.trainer.recipe.TrainerInTest;
import dev.finetune.trainer.storage.ObjectStore;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A run in this process whose attempts die at storage operations.
 *
 * @param job the job
 * @param folder for what attempts leave on the local disk
 * @param store storage as it is, which outlives every attempt
 */
record CrashedRun(ChaosJob job, Path folder, ObjectStore store) {
  /** Runs an attempt that dies at an operation; returns whether it got there. */
  boolean crash(CrashingStore.Operation operation, CrashingStore.Place place) throws IOException {
    ProcessLife life = new ProcessLife();
    return crash(new CrashingStore(store, life, operation, place), life);
  }

  /** Runs an attempt that dies when its life says so; returns whether it did. */
  boolean crash(ObjectStore seen, ProcessLife life) throws IOException {
    try {
      assertThat(run(seen)).isEqualTo(ExitCode.DONE.code());
      return false;
    } catch (ProcessLife.Crash e) {
      assertThat(life.dead()).isTrue();
      Head head = RunOutcome.head(store, job.runFolder()).orElse(null);
      if (head != null) {
        assertThat(ListedCheckpoints.broken(store, job.runFolder(), head)).isEmpty();
      }
      return true;
    }
  }

  /**
   * Runs an attempt to the end and returns what differs from a run that was not interrupted, and
   * whether it went on elsewhere than after the last checkpoint.
   */
  List<String> finish(RunOutcome expected) throws IOException {
    Head before = RunOutcome.head(store, job.runFolder()).orElse(null);
    finish();
    Head after = RunOutcome.head(store, job.runFolder()).orElseThrow();
    assertThat(ListedCheckpoints.broken(store, job.runFolder(), after)).isEmpty();
    if (before == null || before.delivered() == null) {
      int latest = before == null || before.latest() == null ? 0 : before.latest();
      int first = RunOutcome.firstStep(store, job.runFolder(), after.attempt());
      assertThat(first)
          .as("first step of attempt %d", after.attempt())
          .isEqualTo(latest == job.steps() ? 0 : latest + 1);
    }
    return Comparison.of(expected, RunOutcome.of(store, job.runFolder())).differences();
  }

  /** Runs an attempt to the end and returns its storage operations. */
  List<CrashingStore.Operation> finish() {
    CrashingStore seen =
        new CrashingStore(
            store, new ProcessLife(), CrashingStore.Operation.NONE, CrashingStore.Place.BEFORE);
    assertThat(run(seen)).isEqualTo(ExitCode.DONE.code());
    return seen.operations();
  }

  private int run(ObjectStore seen) {
    TrainerInTest trainer =
        new TrainerInTest(
            job.file(),
            "file:" + folder.resolve("unused"),
            null,
            Map.of("FINETUNE_OWNER", "chaos", "FINETUNE_WORK", folder.resolve("work").toString()));
    PrintStream quiet =
        new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
    return trainer.run(quiet, _ -> seen);
  }
}
