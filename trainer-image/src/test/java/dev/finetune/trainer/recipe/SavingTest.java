package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.failure.Fenced;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.run.ClaimRequest;
import dev.finetune.trainer.run.Run;
import dev.finetune.trainer.run.RunFolder;
import dev.finetune.trainer.run.RunSettings;
import dev.finetune.trainer.storage.ForwardingStore;
import dev.finetune.trainer.storage.MemoryStore;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.Retry;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Checkpoints are saved beside the training. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class SavingTest {
  private static final String FIRST = "checkpoint-00000005/";
  private static final String WITHOUT_END = "maxSteps: 20000";

  @TempDir private Path folder;

  /** A store that holds the uploads of the first checkpoint until it is told to go on. */
  private static final class HoldingStore extends ForwardingStore {
    private final List<String> uploads = Collections.synchronizedList(new ArrayList<>());
    private final CountDownLatch reached = new CountDownLatch(1);
    private final CountDownLatch released = new CountDownLatch(1);

    HoldingStore(ObjectStore store) {
      super(store);
    }

    @Override
    public String upload(String key, Path file) {
      uploads.add(key);
      if (key.contains(FIRST)) {
        reached.countDown();
        try {
          released.await();
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new StorageUnreachable("interrupted", e);
        }
      }
      return super.upload(key, file);
    }

    void awaitUpload() throws InterruptedException {
      reached.await();
    }

    void release() {
      released.countDown();
    }

    /** Returns the folders that something was uploaded to, in order. */
    List<String> folders() {
      return List.copyOf(uploads).stream()
          .map(key -> key.replaceAll(".*/(.+/)[^/]+", "$1"))
          .distinct()
          .toList();
    }
  }

  private final HoldingStore store = new HoldingStore(new MemoryStore());

  @Test
  void stepsGoOnWhileACheckpointIsUploaded() throws Exception {
    InProcessRun run = new InProcessRun(job("maxSteps: 30"), store);
    CompletableFuture<ExitCode> end = run.start();
    store.awaitUpload();
    run.awaitStep(22, end);
    assertThat(end).isNotDone();
    assertThat(run.head().has("latest")).as("nothing is listed yet").isFalse();
    assertThat(store.folders()).as("one copy at most").containsExactly(FIRST);
    store.release();
    assertThat(end.get()).isEqualTo(ExitCode.DONE);
    assertThat(run.head().path("latest").asInt()).isEqualTo(30);
    assertThat(store.folders()).startsWith(FIRST).endsWith("checkpoint-00000030/", "adapter/");
    assertThat(run.output())
        .containsPattern("Saved step 5 in \\d+\\.\\d\\d s \\(training waited \\d+\\.\\d{3} s\\)\n");
  }

  @Test
  void theDeliveryWaitsForACheckpointThatIsBeingSaved() throws Exception {
    InProcessRun run = new InProcessRun(job("maxSteps: 7", "    evalFraction: 0.1\n", ""), store);
    CompletableFuture<ExitCode> end = run.start();
    store.awaitUpload();
    run.awaitStep(7, end);
    assertThat(store.folders()).containsExactly(FIRST);
    store.release();
    assertThat(end.get()).isEqualTo(ExitCode.DONE);
    assertThat(store.folders()).containsExactly(FIRST, "adapter/");
    assertThat(run.head().path("latest").asInt()).isEqualTo(5);
  }

  @Test
  void whenAskedToStopItFinishesTheSaveInFlightAndThenSavesTheNewestStep() throws Exception {
    InProcessRun run = new InProcessRun(job(WITHOUT_END), store);
    CompletableFuture<ExitCode> end = run.start();
    store.awaitUpload();
    run.awaitStep(8, end);
    run.stop.request();
    assertThat(run.head().has("latest")).isFalse();
    store.release();
    assertThat(end.get()).isEqualTo(ExitCode.YIELDED);
    assertThat(run.head().path("checkpoints")).hasSize(2);
    assertThat(run.head().path("latest").asInt())
        .as("no completed step is lost")
        .isEqualTo(run.lastStep())
        .isGreaterThanOrEqualTo(8);
    assertThat(run.progress().path("state").asText()).isEqualTo("Yielded");
    assertThat(run.progress().path("workAtRiskSeconds").asDouble()).isZero();
  }

  @Test
  void aSaveThatFindsTheRunClaimedByANewerAttemptEndsTheTraining() throws Exception {
    InProcessRun run = new InProcessRun(job(WITHOUT_END), store);
    CompletableFuture<ExitCode> end = run.start();
    store.awaitUpload();
    String head = key("head.json");
    RunFolder runFolder =
        new RunFolder(
            store,
            head.substring(0, head.length() - "head.json".length()),
            RunSettings.standard(1, 1, notice -> {}));
    Run.claim(runFolder, new ClaimRequest("another", true));
    run.awaitStep(7, end);
    assertThat(end).as("it cannot know yet").isNotDone();
    store.release();
    assertThatThrownBy(end::get)
        .isInstanceOf(ExecutionException.class)
        .hasCauseInstanceOf(Fenced.class);
    assertThat(run.head().path("checkpoints")).isEmpty();
    assertThat(run.head().path("attempt").asInt()).isEqualTo(2);
  }

  @Test
  void aStoreThatStaysAwayEndsTheTrainingAtTheDeadlineAndNotBefore() throws Exception {
    CountDownLatch tried = new CountDownLatch(1);
    ObjectStore unreachable =
        new ForwardingStore(new MemoryStore()) {
          @Override
          public String upload(String key, Path file) {
            tried.countDown();
            throw new StorageUnreachable("HTTP 503");
          }

          @Override
          public ObjectStore retrying(Retry retry) {
            return super.retrying(
                new Retry(Duration.ofMillis(1), Duration.ofMillis(50), Duration.ofMillis(1500)));
          }
        };
    InProcessRun run = new InProcessRun(job(WITHOUT_END), unreachable);
    CompletableFuture<ExitCode> end = run.start();
    tried.await();
    run.awaitStep(7, end);
    assertThat(end).isNotDone();
    assertThatThrownBy(end::get)
        .hasCauseInstanceOf(StorageUnreachable.class)
        .hasMessageContaining("gave up after");
    assertThat(run.lastStep()).isGreaterThanOrEqualTo(7);
    assertThat(run.progress().path("state").asText()).isEqualTo("Failed");
    assertThat(run.progress().path("workAtRiskSeconds").asDouble()).isPositive();
  }

  @Test
  void publishesTheTimesOfSavingAndResuming() throws Exception {
    store.release();
    InProcessRun first = new InProcessRun(job(WITHOUT_END), store);
    CompletableFuture<ExitCode> end = first.start();
    first.awaitStep(6, end);
    first.stop.request();
    assertThat(end.get()).isEqualTo(ExitCode.YIELDED);
    assertThat(first.progress().path("timeToSaveSeconds").asDouble()).isPositive();
    int saved = first.lastStep();
    InProcessRun second = new InProcessRun(folder.resolve("job.yaml"), store);
    second.stop.request();
    assertThat(second.run()).isEqualTo(ExitCode.YIELDED);
    assertThat(second.progress().path("attempt").asInt()).isEqualTo(2);
    assertThat(second.progress().has("timeToResumeSeconds")).as("no step was done").isFalse();
    assertThat(second.head().path("latest").asInt()).isEqualTo(saved);
    assertThat(store.folders()).as("nothing is saved twice").doesNotHaveDuplicates();
    assertThat(second.output()).contains("Resumed from the checkpoint of step " + saved);
  }

  private Path job(String steps, String... replacements) throws IOException {
    TrainingJobs jobs = new TrainingJobs(folder);
    List<String> all = new ArrayList<>(List.of("maxSteps: 12", steps));
    all.addAll(List.of(replacements));
    return jobs.write(jobs.yaml(all.toArray(String[]::new)));
  }

  private String key(String end) {
    return store.list("").stream()
        .map(object -> object.key())
        .filter(key -> key.endsWith(end))
        .findFirst()
        .orElseThrow();
  }
}
