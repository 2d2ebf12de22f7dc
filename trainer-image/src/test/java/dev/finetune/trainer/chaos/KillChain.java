package dev.finetune.trainer.chaos;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.storage.ObjectStore;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.concurrent.TimeoutException;

/** One run whose processes are killed one after the other until none is left to kill. */
final class KillChain {
  /** What Java and the shell make of SIGKILL and of an unheard SIGTERM: 128 and the signal. */
  private static final int KILLED = 137;

  private static final int TERMINATED = 143;

  private static final String CHECKPOINT = "checkpoint-";

  /**
   * What is killed and where.
   *
   * @param model name of the model, for reports
   * @param folder for the work folder, logs and temporary files of the processes
   * @param run names the run in the storage
   * @param lifetime what a process takes from start to delivery without kills
   */
  record Setting(
      String model,
      ChaosJob job,
      KillStorage storage,
      Path folder,
      String run,
      Duration lifetime) {}

  private final Setting setting;
  private final Random random;
  private final List<KillReport> reports = new ArrayList<>();

  KillChain(Setting setting, Random random) {
    this.setting = setting;
    this.random = random;
  }

  /**
   * Kills until the kills are used up or the run is delivered, and lets the run end.
   *
   * @return the kills that hit; those that came too late are not among them
   */
  List<KillReport> run(List<Kill> kills)
      throws IOException, InterruptedException, TimeoutException {
    boolean delivered = false;
    for (int i = 0; i < kills.size() && !delivered; i++) {
      kill(kills.get(i)).ifPresent(reports::add);
      delivered = head().map(Head::delivered).isPresent();
    }
    finish();
    return List.copyOf(reports);
  }

  private Optional<KillReport> kill(Kill kill)
      throws IOException, InterruptedException, TimeoutException {
    int before = latest();
    KillStorage.Held held =
        kill.moment().requests().isEmpty()
            ? null
            : setting.storage().hold(setting.run(), kill.moment().requests());
    KillStorage.Access access =
        held == null ? setting.storage().access(setting.run()) : held.access();
    try (TrainerProcess process = start(access)) {
      awaitMoment(kill.moment(), process, held, before);
      boolean hit = process.isAlive();
      process.send(kill.signal());
      if (held != null) {
        if (kill.signal() == Kill.Signal.SIGKILL) {
          // With S3 the request is on its way and arrives when its sender is no more.
          process.exitStatus();
        } else {
          Thread.sleep(random.nextInt(30));
        }
        held.release();
      }
      int status = process.exitStatus();
      // A process that was not kept may have ended by itself just before the signal came.
      hit &= status != ExitCode.DONE.code() || held != null;
      return hit ? Optional.of(check(kill, process, status, before)) : Optional.empty();
    }
  }

  private TrainerProcess start(KillStorage.Access access) throws IOException {
    return TrainerProcess.start(
        setting.folder(), setting.job(), access.uri(), access.main(), access.variables());
  }

  private void awaitMoment(Moment moment, TrainerProcess process, KillStorage.Held held, int before)
      throws IOException, InterruptedException, TimeoutException {
    switch (moment) {
      case STARTING -> Thread.sleep(random.nextInt(1200));
      case ANY_TIME -> Thread.sleep(random.nextLong(setting.lifetime().toMillis()));
      case IN_STEP -> {
        process.awaitStep(before + 1 + random.nextInt(2 * setting.job().everySteps()));
        Thread.sleep(Duration.ofNanos(random.nextInt(6_000_000)));
      }
      case LOADING, HALF_UPLOADED, BEFORE_HEAD, AFTER_HEAD, DELIVERING, BEFORE_DELIVERY ->
          held.await(process);
    }
  }

  /** Checks what a process left that was killed. */
  private KillReport check(Kill kill, TrainerProcess process, int status, int before)
      throws IOException {
    Optional<Head> head = head();
    try (ObjectStore store = setting.storage().open(setting.run())) {
      if (head.isPresent()) {
        assertThat(ListedCheckpoints.broken(store, setting.job().runFolder(), head.get()))
            .as("what the head lists after %s", kill)
            .isEmpty();
      }
    }
    int latest = latest();
    int reported = process.lastStep();
    checkResumed(kill, process, before);
    switch (kill.signal()) {
      case SIGKILL -> {
        assertThat(status).as("%s; it said:%n%s", kill, process.output()).isEqualTo(KILLED);
        assertThat(onTheirWay(head))
            .as("checkpoints that are newer than the listed ones, after %s", kill)
            .hasSizeLessThanOrEqualTo(1);
      }
      case SIGTERM -> checkYielded(kill, process, status, head);
    }
    return new KillReport(
        setting.model(),
        setting.storage().name(),
        setting.run(),
        kill.signal(),
        kill.moment(),
        status,
        reported,
        latest,
        Math.max(0, reported - latest));
  }

  /**
   * Returns the folders of checkpoints that the newest attempt began and did not list. There is one
   * at most: what is lost was done since the last listed one, or while one was being saved.
   */
  private List<String> onTheirWay(Optional<Head> head) throws IOException {
    if (head.isEmpty()) {
      return List.of();
    }
    String attempt = setting.job().runFolder() + StorageLayout.attemptFolder(head.get().attempt());
    int latest = latest();
    try (ObjectStore store = setting.storage().open(setting.run())) {
      return store.list(attempt).stream()
          .map(object -> object.key().substring(attempt.length()))
          .filter(name -> name.startsWith(CHECKPOINT))
          .map(name -> name.substring(0, name.indexOf('/')))
          .filter(name -> Integer.parseInt(name.substring(CHECKPOINT.length())) > latest)
          .distinct()
          .toList();
    }
  }

  private void checkResumed(Kill kill, TrainerProcess process, int before) throws IOException {
    if (process.firstStep() > 0) {
      assertThat(process.firstStep())
          .as("first step of the process that %s ended; it said:%n%s", kill, process.output())
          .isEqualTo(before + 1);
    }
  }

  private void checkYielded(Kill kill, TrainerProcess process, int status, Optional<Head> head)
      throws IOException {
    String said = process.output();
    switch (status) {
      case TERMINATED ->
          assertThat(said).as("heard no signal, %s", kill).doesNotContain("Attempt ");
      case 0 -> assertThat(head.orElseThrow().delivered()).as("%s", kill).isNotNull();
      default -> {
        assertThat(status).as("%s; it said:%n%s", kill, said).isEqualTo(ExitCode.YIELDED.code());
        if (process.lastStep() > 0) {
          assertThat(latest())
              .as("no completed step is lost by %s; it said:%n%s", kill, said)
              .isEqualTo(process.lastStep());
        }
      }
    }
  }

  private void finish() throws IOException, InterruptedException, TimeoutException {
    int before = latest();
    boolean delivered = head().map(Head::delivered).isPresent();
    try (TrainerProcess process = start(setting.storage().access(setting.run()))) {
      assertThat(process.exitStatus()).as("%s", process.output()).isZero();
      boolean stepsAreLeft = !delivered && before < setting.job().steps();
      assertThat(process.firstStep()).isEqualTo(stepsAreLeft ? before + 1 : 0);
    }
  }

  /** Returns what the run came to. */
  RunOutcome outcome() throws IOException {
    try (ObjectStore store = setting.storage().open(setting.run())) {
      return RunOutcome.of(store, setting.job().runFolder());
    }
  }

  private Optional<Head> head() throws IOException {
    try (ObjectStore store = setting.storage().open(setting.run())) {
      return RunOutcome.head(store, setting.job().runFolder());
    }
  }

  private int latest() throws IOException {
    return head().map(Head::latest).orElse(0);
  }
}
