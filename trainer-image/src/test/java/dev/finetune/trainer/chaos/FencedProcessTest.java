package dev.finetune.trainer.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.Head;
import dev.finetune.trainer.storage.ObjectStore;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Two trainer processes on one run: the newer one owns it. */
@Tag("chaos")
@Timeout(value = 20, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class FencedProcessTest {
  private static final int STEPS = 60;

  @TempDir private static Path shared;
  private static ChaosJob job;
  private static RunOutcome expected;

  @TempDir private Path folder;

  @BeforeAll
  static void runUndisturbed() throws Exception {
    job = ChaosJob.tiny(shared, STEPS, 5, 2, "fp32");
    KillStorage storage = new FileStorage(shared.resolve("file"));
    try (TrainerProcess process = start(shared, storage.access("undisturbed"))) {
      assertThat(process.exitStatus()).as("%s", process.output()).isZero();
    }
    expected = outcome(storage, "undisturbed");
  }

  @ParameterizedTest
  @EnumSource(names = {"HALF_UPLOADED", "BEFORE_HEAD", "BEFORE_DELIVERY"})
  void theOlderOfTwoEndsWith76AtItsNextWriteOfTheHead(Moment moment) throws Exception {
    KillStorage storage = new FileStorage(folder.resolve("file"));
    KillStorage.Held held = storage.hold("two", moment.requests());
    try (TrainerProcess older = start(folder, held.access())) {
      held.await(older);
      int claimedAt = latest(storage, "two");
      try (TrainerProcess newer = start(folder, storage.access("two"))) {
        awaitClaim(newer, storage);
        held.release();
        assertThat(older.exitStatus()).as("%s", older.output()).isEqualTo(ExitCode.FENCED.code());
        assertThat(newer.exitStatus()).as("%s", newer.output()).isZero();
      }
      nothingOfTheOlderCounts(storage, "two", claimedAt);
    }
  }

  @Test
  void aStoppedProcessThatGoesOnAfterAnotherDeliveredEndsWith76() throws Exception {
    try (S3Storage storage = S3Storage.start(folder.resolve("s3"));
        TrainerProcess stopped = start(folder, storage.access("stopped"))) {
      stopped.awaitStep(7);
      stopped.stop();
      assertThat(stopped.isAlive()).isTrue();
      // The save of an early step may still be on its way.
      int claimedAt = latest(storage, "stopped");
      try (TrainerProcess other = start(folder, storage.access("stopped"))) {
        assertThat(other.exitStatus()).as("%s", other.output()).isZero();
      }
      Head delivered = head(storage, "stopped");
      stopped.goOn();
      assertThat(stopped.exitStatus()).as("%s", stopped.output()).isEqualTo(ExitCode.FENCED.code());
      assertThat(head(storage, "stopped")).isEqualTo(delivered);
      nothingOfTheOlderCounts(storage, "stopped", claimedAt);
    }
  }

  @Test
  void aProcessThatIsKeptAfterItsOwnDeliveryEndsWith0() throws Exception {
    KillStorage storage = new FileStorage(folder.resolve("file"));
    KillStorage.Held held =
        storage.hold(
            "own",
            List.of(
                "PUT .*/adapter/manifest\\.json", "PUT .*/head\\.json", "PUT .*/progress\\.json"));
    try (TrainerProcess first = start(folder, held.access())) {
      held.await(first);
      try (TrainerProcess second = start(folder, storage.access("own"))) {
        assertThat(second.exitStatus()).as("%s", second.output()).isZero();
        assertThat(second.firstStep()).as("it trains nothing").isZero();
      }
      held.release();
      assertThat(first.exitStatus()).as("%s", first.output()).isZero();
      assertThat(head(storage, "own").delivered().attempt()).isEqualTo(1);
    }
  }

  private static void nothingOfTheOlderCounts(KillStorage storage, String run, int claimedAt)
      throws IOException {
    Head head = head(storage, run);
    assertThat(head.delivered().attempt()).isEqualTo(2);
    assertThat(head.checkpoints())
        .filteredOn(entry -> entry.step() > claimedAt)
        .allMatch(entry -> entry.attempt() == 2);
    assertThat(Comparison.of(expected, outcome(storage, run)).differences()).isEmpty();
    Tally.add("trainer processes fenced off", "", 1);
  }

  private static void awaitClaim(TrainerProcess newer, KillStorage storage)
      throws InterruptedException, TimeoutException, IOException {
    while (newer.isAlive() && head(storage, "two").attempt() < 2) {
      Thread.sleep(2);
    }
  }

  private static TrainerProcess start(Path folder, KillStorage.Access access) throws IOException {
    return TrainerProcess.start(folder, job, access.uri(), access.main(), access.variables());
  }

  private static RunOutcome outcome(KillStorage storage, String run) throws IOException {
    try (ObjectStore store = storage.open(run)) {
      return RunOutcome.of(store, job.runFolder());
    }
  }

  private static int latest(KillStorage storage, String run) throws IOException {
    Integer latest = head(storage, run).latest();
    return latest == null ? 0 : latest;
  }

  private static Head head(KillStorage storage, String run) throws IOException {
    try (ObjectStore store = storage.open(run)) {
      return RunOutcome.head(store, job.runFolder()).orElseThrow();
    }
  }
}
