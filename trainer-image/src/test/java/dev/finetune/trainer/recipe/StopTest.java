package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.storage.ConditionalWrite;
import dev.finetune.trainer.storage.ForwardingStore;
import dev.finetune.trainer.storage.MemoryStore;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.function.BooleanSupplier;
import java.util.function.Predicate;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A request to stop at any time ends with a state from which nothing has to be done again. */
class StopTest {
  private static final int STEPS = 6;

  @TempDir private Path folder;
  private Path job;
  private final StopRequest stop = new StopRequest(false);

  @BeforeEach
  void makeJob() throws IOException {
    TrainingJobs jobs = new TrainingJobs(folder);
    job = jobs.write(jobs.yaml("maxSteps: 12", "maxSteps: " + STEPS));
  }

  /** Asks to stop when the first object of a kind is written. */
  private final class StoppingStore extends ForwardingStore {
    private final Predicate<String> when;

    StoppingStore(MemoryStore store, Predicate<String> when) {
      super(store);
      this.when = when;
    }

    @Override
    public String upload(String key, Path file) {
      look(key);
      return super.upload(key, file);
    }

    @Override
    public ConditionalWrite putIfAbsent(String key, byte[] content) {
      look(key);
      return super.putIfAbsent(key, content);
    }

    private void look(String key) {
      if (when.test(key)) {
        stop.request();
      }
    }
  }

  /** Asks to stop from a moment on. */
  private static final class StopWhen extends StopRequest {
    private BooleanSupplier when = () -> false;

    StopWhen() {
      super(false);
    }

    @Override
    boolean requested() {
      return when.getAsBoolean();
    }
  }

  @Test
  void whileLoadingThereIsNothingToSave() throws IOException {
    MemoryStore objects = new MemoryStore();
    InProcessRun run =
        new InProcessRun(job, new StoppingStore(objects, key -> key.endsWith("run.json")), stop);
    assertThat(run.run()).isEqualTo(ExitCode.YIELDED);
    assertThat(run.head().path("checkpoints")).isEmpty();
    assertThat(run.progress().path("state").asText()).isEqualTo("Yielded");
    assertThat(new InProcessRun(job, objects).run()).isEqualTo(ExitCode.DONE);
  }

  @Test
  void whileLoadingToResumeTheCheckpointStays() throws IOException {
    MemoryStore objects = new MemoryStore();
    InProcessRun first = new InProcessRun(job, objects, new StopAfter(9));
    assertThat(first.run()).isEqualTo(ExitCode.YIELDED);
    int step = first.lastStep();
    assertThat(step).isBetween(1, STEPS - 1);
    stop.request();
    InProcessRun second = new InProcessRun(job, objects, stop);
    assertThat(second.run()).isEqualTo(ExitCode.YIELDED);
    assertThat(second.head().path("latest").asInt()).isEqualTo(step);
    assertThat(second.head().path("checkpoints")).hasSize(1);
  }

  @Test
  void whileMeasuringTheLossBeforeTheFirstStepThereIsNothingToSave() throws IOException {
    MemoryStore objects = new MemoryStore();
    InProcessRun run = new InProcessRun(job, objects, new StopAfter(1));
    assertThat(run.run()).isEqualTo(ExitCode.YIELDED);
    assertThat(run.output()).doesNotContain("before training").contains("asked to stop; step 0");
    assertThat(run.head().path("checkpoints")).isEmpty();
  }

  @Test
  void whileMeasuringTheLossAfterTheLastStepThatStepIsSaved() throws IOException {
    MemoryStore objects = new MemoryStore();
    StopWhen atTheEnd = new StopWhen();
    InProcessRun run = new InProcessRun(job, objects, atTheEnd);
    atTheEnd.when =
        () -> {
          try {
            return run.lastStep() == STEPS;
          } catch (IOException e) {
            throw new UncheckedIOException(e);
          }
        };
    assertThat(run.run()).isEqualTo(ExitCode.YIELDED);
    assertThat(run.head().path("latest").asInt()).isEqualTo(STEPS);
    InProcessRun second = new InProcessRun(job, objects);
    assertThat(second.run()).isEqualTo(ExitCode.DONE);
    assertThat(second.lastStep()).as("no step was done again").isZero();
    assertThat(second.head().path("delivered").path("evalLossAfter").asDouble()).isPositive();
  }

  @Test
  void whileTheAdapterIsDeliveredTheRunIsFinished() throws IOException {
    MemoryStore objects = new MemoryStore();
    InProcessRun run =
        new InProcessRun(job, new StoppingStore(objects, key -> key.contains("/adapter/")), stop);
    assertThat(run.run()).isEqualTo(ExitCode.DONE);
    assertThat(stop.requested()).isTrue();
    assertThat(run.head().path("delivered").path("steps").asInt()).isEqualTo(STEPS);
    assertThat(run.progress().path("state").asText()).isEqualTo("Done");
  }
}
