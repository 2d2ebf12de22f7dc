package dev.finetune.trainer.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.storage.MemoryStore;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.StoreOnDisk;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Random;
import java.util.function.UnaryOperator;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A run that dies at any of its storage operations ends with the same bytes. */
@Tag("chaos")
class CrashInjectionTest {
  private static final int STEPS = 5;
  private static final String CRASHES = "crashes injected at storage operations";

  @TempDir private Path folder;
  private ChaosJob job;
  private RunOutcome expected;
  private List<CrashingStore.Operation> operations;

  @BeforeEach
  void runWithoutCrash() throws IOException {
    job = ChaosJob.tiny(folder, STEPS, 2, 1, "fp32");
    MemoryStore store = new MemoryStore();
    operations = new CrashedRun(job, folder, store).finish();
    for (int tries = 1;
        tries < 20 && operations.stream().noneMatch(CrashInjectionTest::drops);
        tries++) {
      // The save of a checkpoint that is due waits for the one before it, and may come too late.
      store = new MemoryStore();
      operations = new CrashedRun(job, folder, store).finish();
    }
    expected = RunOutcome.of(store, job.runFolder());
    assertThat(expected.metrics()).hasSize(STEPS);
    assertThat(expected.files())
        .containsKeys("adapter_model.safetensors", "checkpoint/optimizer.safetensors");
    assertThat(operations).as("the run drops checkpoints").anyMatch(CrashInjectionTest::drops);
  }

  private static boolean drops(CrashingStore.Operation operation) {
    return operation.name().matches("delete .*/checkpoint-00000004/.*");
  }

  @Test
  void aRunThatDiesAfterAnyStorageOperationEndsWithTheSameBytes() throws IOException {
    diesAtEveryOperation(CrashingStore.Place.AFTER);
    if (ChaosMode.isLong()) {
      diesAtEveryOperation(CrashingStore.Place.BEFORE);
    }
  }

  private void diesAtEveryOperation(CrashingStore.Place place) throws IOException {
    int crashes = 0;
    for (CrashingStore.Operation operation : operations) {
      boolean died = false;
      for (int tries = 0; tries < 20 && !died; tries++) {
        CrashedRun run = new CrashedRun(job, folder, new MemoryStore());
        died = run.crash(operation, place);
        assertThat(run.finish(expected)).as("crash %s %s", place, operation).isEmpty();
      }
      assertThat(died).as("died %s %s", place, operation).isTrue();
      crashes++;
    }
    Tally.add(CRASHES, place == CrashingStore.Place.AFTER ? "after each" : "before each", crashes);
  }

  @Test
  void aRunThatDiesInTheMiddleOfAnyWriteEndsWithTheSameBytes() throws IOException {
    int crashes = 0;
    boolean died = true;
    for (int write = 1; died; write++) {
      Path root = folder.resolve("half-" + write);
      ProcessLife life = new ProcessLife();
      HalfWritingDisk disk = new HalfWritingDisk(life, write);
      ObjectStore written = StoreOnDisk.open(root, disk::channel);
      ObjectStore afterwards = StoreOnDisk.open(root, UnaryOperator.identity());
      CrashedRun run = new CrashedRun(job, folder, afterwards);
      died =
          run.crash(
              new CrashingStore(
                  written, life, CrashingStore.Operation.NONE, CrashingStore.Place.BEFORE),
              life);
      assertThat(run.finish(expected)).as("crash in write %d", write).isEmpty();
      crashes += died ? 1 : 0;
    }
    assertThat(crashes).isGreaterThan(20);
    Tally.add(CRASHES, "in the middle of each write", crashes);
  }

  @Test
  void aRunWhoseResumedAttemptDiesTooEndsWithTheSameBytes() throws IOException {
    Duration time = Duration.ofSeconds(ChaosMode.number("chaos.pairs.seconds", 3, 100));
    long seed = ChaosMode.seed();
    Random random = new Random(seed);
    int pairs = 0;
    Instant end = Instant.now().plus(time);
    while (Instant.now().isBefore(end) || pairs == 0) {
      CrashedRun run = new CrashedRun(job, folder, new MemoryStore());
      CrashingStore.Operation first = operations.get(random.nextInt(operations.size()));
      // What the second attempt does has another name: its own folder.
      CrashingStore.Operation second =
          inAttempt2(operations.get(random.nextInt(operations.size())));
      boolean both =
          run.crash(first, CrashingStore.Place.AFTER)
              && run.crash(second, CrashingStore.Place.AFTER);
      assertThat(run.finish(expected))
          .as("crash after %s and %s, seed %d", first, second, seed)
          .isEmpty();
      pairs += both ? 1 : 0;
    }
    assertThat(pairs).isPositive();
    Tally.add(CRASHES, "in an attempt and in the one that resumes it", 2L * pairs);
  }

  private static CrashingStore.Operation inAttempt2(CrashingStore.Operation operation) {
    return new CrashingStore.Operation(
        operation.name().replace("attempt-0001", "attempt-0002"), operation.count());
  }
}
