package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointEntry;
import dev.finetune.api.run.Delivery;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.Progress;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.failure.Fenced;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.storage.Retry;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** A process of a model: calls the code of the product, and tells the rules what came of it. */
final class ModelActor {
  static final String FOLDER = "ns/job/0123456789abcdef/";
  static final Duration FRESH = Duration.ofMinutes(5);

  private final ModelExecution execution;
  private final int number;
  private final Path local;
  private final RunFolder folder;
  private @Nullable Run run;

  ModelActor(ModelExecution execution, int number, Path local) {
    this(execution, number, local, FRESH);
  }

  private ModelActor(ModelExecution execution, int number, Path local, Duration fresh) {
    this.execution = execution;
    this.number = number;
    this.local = local;
    ModelScenario.Options options = execution.scenario().options();
    Retry retry = new Retry(Duration.ofNanos(1), Duration.ofNanos(1), options.deadline());
    this.folder =
        new RunFolder(
            execution.scenario().variant().store(execution, number),
            FOLDER,
            new RunSettings(
                fresh,
                options.keepLast(),
                options.keepBest(),
                retry,
                execution.world(),
                notice -> {}));
  }

  /** Returns this actor with another idea of how long a heartbeat is fresh. */
  ModelActor withFresh(Duration fresh) {
    return new ModelActor(execution, number, local, fresh);
  }

  /** Runs a program to its end, of which there are four good ones. */
  void run(ModelScenario.Program program) {
    try {
      program.run(this);
    } catch (ModelStore.Crash e) {
      if (!execution.isOver()) {
        execution.rules().crashed(number);
      }
    } catch (Fenced e) {
      execution.rules().fenced(execution.world(), number);
    } catch (StorageUnreachable e) {
      execution.rules().check(mayGiveUp(), "gives up although it may try again: " + e);
    }
  }

  private boolean mayGiveUp() {
    return execution.scenario().options().deadline().isZero();
  }

  /** Ends what this actor does alone before any other begins. */
  ModelActor alone(ModelScenario.Program first) {
    first.run(this);
    execution.begun(number);
    return this;
  }

  /** Claims the run; returns false if it is delivered, or another owner lives. */
  boolean claim(String owner) {
    return claim(owner, false);
  }

  boolean claim(String owner, boolean takeOver) {
    execution.rules().claims(number, owner, takeOver);
    try {
      return switch (Run.claim(folder, new ClaimRequest(owner, takeOver))) {
        case Claim.Claimed(Run claimed) -> {
          run = claimed;
          execution.rules().claimed(number, claimed.attempt());
          yield true;
        }
        case Claim.Delivered(Delivery delivery, String _) -> {
          execution.rules().toldDelivered(execution.world(), number, delivery);
          yield false;
        }
      };
    } catch (InvalidConfiguration e) {
      execution.rules().refused(execution.world(), number);
      return false;
    }
  }

  /** Uploads a checkpoint and ends before the head is written. */
  void uploadOnly(int step) {
    FolderUpload.of(folder, StorageLayout.checkpointFolder(own().attempt(), step), files(step, 1));
  }

  void freeze(int threads) {
    RunRecord base = RunFixture.record("sha256:aa");
    RunRecord proposed =
        new RunRecord(
            base.specHash(), base.sources(), "bf16", threads, 4096, false, base.versions(), 0);
    execution.rules().frozen(execution.world(), own().freeze(proposed));
  }

  /** Resumes and returns the step, or 0. */
  int resume() {
    Optional<Checkpoint> checkpoint = own().resume(local.resolve("work-" + number));
    execution.rules().resumed(number, checkpoint.map(Checkpoint::entry).orElse(null));
    checkpoint.ifPresent(this::checkContent);
    return checkpoint.map(Checkpoint::step).orElse(0);
  }

  /** Reads the newest checkpoint as one who does not own the run. */
  void read() {
    List<CheckpointEntry> listed = listed();
    Optional<Checkpoint> checkpoint =
        new CheckpointReader(folder)
            .newestVerified(listed, this::listed, local.resolve("work-" + number));
    execution.rules().check(checkpoint.isPresent(), "a reader finds no checkpoint");
    checkpoint.ifPresent(this::checkContent);
  }

  /** Reads like {@link #read}, but looks at the list only once. */
  void readWithoutLookingAgain() {
    List<CheckpointEntry> listed = listed();
    boolean found =
        new CheckpointReader(folder)
            .newestVerified(listed, List::of, local.resolve("work-" + number))
            .isPresent();
    execution.rules().check(found, "a reader finds no checkpoint");
  }

  private List<CheckpointEntry> listed() {
    return folder.readHead().map(Head::checkpoints).orElse(List.of());
  }

  private void checkContent(Checkpoint checkpoint) {
    CheckpointEntry entry = checkpoint.entry();
    try {
      String content = Files.readString(checkpoint.folder().resolve("adapter.safetensors"));
      execution
          .rules()
          .check(
              content.equals(content(entry.attempt(), entry.step())),
              "read " + content + " for " + entry);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  void commit(int step) {
    commit(step, null, 1);
  }

  void commit(int step, @Nullable Double loss, int files) {
    CheckpointEntry entry = own().commit(step, files(step, files), loss);
    execution.rules().acknowledged(number, entry);
  }

  /** Commits, and once more if that could not be done until the deadline. */
  void commitTwice(int step) {
    try {
      commit(step);
    } catch (StorageUnreachable e) {
      execution.rules().check(mayGiveUp(), "gives up although it may try again: " + e);
      commit(step);
    }
  }

  void deliver(int steps) {
    Delivery delivery = own().deliver(files(steps, 1), new RunResult(steps, 0.5, null, null));
    execution.rules().delivered(execution.world(), delivery);
  }

  void heartbeat() {
    own().heartbeat();
  }

  void release() {
    own().release();
  }

  void progress(int step) {
    own()
        .writeProgress(
            new Progress(
                own().attempt(),
                Progress.State.TRAINING,
                step,
                9,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                0,
                null,
                execution.world().instant()));
  }

  void metrics(int step) {
    own().appendMetrics(List.of("{\"step\":" + step + "}"), step);
  }

  /** Lets a write land that an ended process left on its way. */
  void lands(ModelRequest request) {
    execution.apply(request);
  }

  /** The store itself, for actors that follow no protocol. */
  RunFolder folder() {
    return folder;
  }

  private Run own() {
    return Objects.requireNonNull(run, "claims first");
  }

  private Map<String, Path> files(int step, int count) {
    Map<String, Path> files = new TreeMap<>();
    files.put("adapter.safetensors", file("a", content(own().attempt(), step)));
    if (count > 1) {
      files.put("state.json", file("s", "state " + own().attempt() + " " + step));
    }
    return files;
  }

  private Path file(String kind, String content) {
    Path file = local.resolve("file-" + kind + "-" + content.replace(' ', '-'));
    try {
      return Files.exists(file) ? file : Files.writeString(file, content);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private static String content(int attempt, int step) {
    return "adapter " + attempt + " " + step;
  }
}
