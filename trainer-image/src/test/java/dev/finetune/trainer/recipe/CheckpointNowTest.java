package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.api.run.CheckpointRequest;
import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.SpecHash;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.trainer.run.Claim;
import dev.finetune.trainer.run.ClaimRequest;
import dev.finetune.trainer.run.Run;
import dev.finetune.trainer.run.RunFolder;
import dev.finetune.trainer.run.RunSettings;
import dev.finetune.trainer.storage.MemoryStore;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Others ask for a checkpoint by an object in the folder of the run. */
@Timeout(value = 3, unit = TimeUnit.MINUTES, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class CheckpointNowTest {
  @TempDir private Path folder;
  private final MemoryStore store = new MemoryStore();
  private Path job;
  private String runFolder;

  /** Makes a job that is saved every ten minutes, so that no test sees it happen. */
  @BeforeEach
  void makeJob() throws IOException {
    TrainingJobs jobs = new TrainingJobs(folder);
    job =
        jobs.write(
            jobs.yaml(
                "maxSteps: 12",
                "maxSteps: 20000",
                "everySteps: 5",
                "everyMinutes: 10",
                "    evalFraction: 0.1\n",
                ""));
    FineTuneJobFile file = FineTuneJobFile.read(job);
    runFolder = StorageLayout.runFolder(file.namespace(), file.name(), SpecHash.of(file.spec()));
  }

  @Test
  void savesAfterTheRunningStepAndAnswers() throws Exception {
    ask("please");
    InProcessRun run = new InProcessRun(job, store);
    CompletableFuture<ExitCode> end = run.start();
    awaitAnswer(run, end, 1, "please");
    assertThat(run.head().path("checkpoints")).hasSize(1);
    assertThat(run.head().path("latest").asInt()).isPositive();
    run.stop.request();
    assertThat(end.get()).isEqualTo(ExitCode.YIELDED);
    assertThat(run.head().path("checkpoints")).hasSize(2);
  }

  @Test
  void answersAfterResumingWithoutAnotherCheckpointAndOnce() throws Exception {
    InProcessRun first = new InProcessRun(job, store);
    CompletableFuture<ExitCode> end = first.start();
    first.awaitStep(2, end);
    first.stop.request();
    assertThat(end.get()).isEqualTo(ExitCode.YIELDED);
    int saved = first.lastStep();

    ask("while no one ran");
    InProcessRun second = new InProcessRun(job, store);
    CompletableFuture<ExitCode> secondEnd = second.start();
    awaitAnswer(second, secondEnd, 2, "while no one ran");
    second.awaitStep(saved + 1, secondEnd);
    second.stop.request();
    assertThat(secondEnd.get()).isEqualTo(ExitCode.YIELDED);
    assertThat(second.progress().path("attempt").asInt()).isEqualTo(2);

    InProcessRun third = new InProcessRun(job, store);
    CompletableFuture<ExitCode> thirdEnd = third.start();
    awaitAnswer(third, thirdEnd, 3, "while no one ran");
    third.awaitStep(second.lastStep() + 3, thirdEnd);
    assertThat(third.head().path("checkpoints"))
        .as("what is answered is not saved again")
        .allSatisfy(checkpoint -> assertThat(checkpoint.path("attempt").asInt()).isLessThan(3));
    third.stop.request();
    assertThat(thirdEnd.get()).isEqualTo(ExitCode.YIELDED);
  }

  @Test
  void looksAgainAndAgain() throws Exception {
    RunSettings settings = RunSettings.standard(1, 1, notice -> {});
    Claim claim =
        Run.claim(new RunFolder(store, runFolder, settings), new ClaimRequest("someone", false));
    Run run = ((Claim.Claimed) claim).run();
    List<String> asked = new CopyOnWriteArrayList<>();
    List<Throwable> failures = new CopyOnWriteArrayList<>();
    try (RequestPoll _ =
        new RequestPoll(
            run.checkpointRequests(), Duration.ofMillis(2), asked::add, failures::add)) {
      for (String id : List.of("one", "two")) {
        ask(id);
        while (!asked.contains(id)) {
          Thread.sleep(1);
        }
      }
    }
    assertThat(asked).containsExactly("one", "two");
    assertThat(failures).isEmpty();
  }

  private void ask(String id) {
    store.put(
        runFolder + StorageLayout.CHECKPOINT_REQUEST,
        RunJson.write(new CheckpointRequest(id, Instant.now())));
  }

  private static void awaitAnswer(
      InProcessRun run, CompletableFuture<ExitCode> end, int attempt, String id) throws Exception {
    JsonNode progress = run.progressOf(attempt);
    while (!progress.path("checkpointRequest").asText().equals(id)) {
      assertThat(end).as("still running").isNotDone();
      Thread.sleep(2);
      progress = run.progressOf(attempt);
    }
  }
}
