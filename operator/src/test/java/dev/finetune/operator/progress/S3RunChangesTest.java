package dev.finetune.operator.progress;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.CheckpointRequest;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.api.spec.DeletionPolicy;
import dev.finetune.operator.FineTuneJobs;
import dev.finetune.operator.Settings;
import dev.finetune.operator.progress.DeletionRules.Verdict;
import dev.finetune.operator.progress.RunChanges.Outcome;
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BiFunction;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import software.amazon.awssdk.core.exception.SdkClientException;
import software.amazon.awssdk.services.s3.S3Client;

/** What the operator changes in a run, against an object store. */
class S3RunChangesTest {
  private static final String OWNER = FineTuneJobs.minimal().getMetadata().getUid();
  private static final Instant NOW = StoredRun.TIME.plusSeconds(600);

  @TempDir private static Path folder;
  private static TeamStore team;
  private static int number;

  private StoredRun run;

  @BeforeAll
  static void start() throws IOException {
    team = TeamStore.start(folder);
  }

  @AfterAll
  static void stop() {
    team.close();
  }

  @BeforeEach
  void begin() {
    run = new StoredRun(team.store(), "run-" + ++number, DeletionPolicy.DELETE_ALL);
  }

  @AfterEach
  void end() {
    run.close();
  }

  private static S3RunChanges changes(Map<String, String> settings) {
    Map<String, String> all = new HashMap<>(Map.of("storage.allow-loopback", "true"));
    all.putAll(settings);
    return new S3RunChanges(
        team.client(), Settings.with(all).storage(), Clock.fixed(NOW, ZoneOffset.UTC));
  }

  private Outcome deleteCheckpoints() {
    try (S3RunChanges changes = changes(Map.of())) {
      return changes.deleteCheckpoints(run.job());
    }
  }

  private Outcome deleteRun(Map<String, String> settings) {
    try (S3RunChanges changes = changes(settings)) {
      return changes.deleteRun(run.job());
    }
  }

  @Test
  void leavesARequestForACheckpointOnce() throws IOException {
    run.training(OWNER);
    try (S3RunChanges changes = changes(Map.of())) {
      assertThat(changes.requestCheckpoint(run.job(), "before drain"))
          .isEqualTo(new Outcome.Done(1));
      assertThat(RunJson.read(run.get(StorageLayout.CHECKPOINT_REQUEST), CheckpointRequest.class))
          .isEqualTo(new CheckpointRequest("before drain", NOW));
      assertThat(changes.requestCheckpoint(run.job(), "before drain"))
          .isEqualTo(new Outcome.Done(0));
      run.put(StorageLayout.CHECKPOINT_REQUEST, new byte[3]);
      assertThat(changes.requestCheckpoint(run.job(), "again")).isEqualTo(new Outcome.Done(1));
    }
  }

  @Test
  void deletesTheCheckpointsOfADeliveredRunAndNothingElse() {
    Head before = run.delivered(OWNER);
    List<String> kept =
        run.names().stream().filter(name -> !name.contains("/checkpoint-")).toList();
    assertThat(deleteCheckpoints()).isEqualTo(new Outcome.Done(9));
    assertThat(run.names()).containsExactlyElementsOf(kept);
    Head head = run.head();
    assertThat(head.checkpoints()).isEmpty();
    assertThat(head.latest()).isNull();
    assertThat(head.best()).isNull();
    assertThat(head.delivered()).isEqualTo(before.delivered());
    assertThat(head.attempt()).isEqualTo(before.attempt());
    assertThat(head.writeId()).isNotEqualTo(before.writeId());
    assertThat(deleteCheckpoints()).isEqualTo(new Outcome.Done(0));
    assertThat(run.head()).isEqualTo(head);
  }

  @Test
  void keepsCheckpointsThatARunStillNeeds() {
    Head before = run.training(OWNER);
    List<String> names = run.names();
    assertThat(deleteCheckpoints())
        .isEqualTo(new Outcome.Refused("the checkpoints are kept: the run is not delivered"));
    assertThat(run.head()).isEqualTo(before);
    assertThat(run.names()).isEqualTo(names);
  }

  @Test
  void keepsWhatAnotherOwnerClaimed() {
    Head before = run.delivered("laptop of\nann");
    List<String> names = run.names();
    Outcome refused =
        new Outcome.Refused("the run is kept: it is owned by laptop?of?ann, not by this job");
    assertThat(deleteCheckpoints()).isEqualTo(refused);
    assertThat(deleteRun(Map.of())).isEqualTo(refused);
    assertThat(run.head()).isEqualTo(before);
    assertThat(run.names()).isEqualTo(names);
  }

  @Test
  void deletesABoundedNumberAtATimeAndOfACheckpointItsManifestFirst() {
    run.delivered(OWNER);
    try (S3RunChanges changes = changes(Map.of("storage.maximum-deletions", "4"))) {
      assertThat(changes.deleteCheckpoints(run.job())).isEqualTo(new Outcome.Unfinished());
      assertThat(run.head().checkpoints()).isEmpty();
      assertThat(run.names())
          .as("the first checkpoint is gone, and of the second what makes it one")
          .noneMatch(name -> name.startsWith("attempt-0001/checkpoint"))
          .doesNotContain("attempt-0002/checkpoint-00000020/manifest.json")
          .contains("attempt-0002/checkpoint-00000020/adapter.safetensors");
      assertThat(changes.deleteCheckpoints(run.job())).isEqualTo(new Outcome.Unfinished());
      assertThat(changes.deleteCheckpoints(run.job())).isEqualTo(new Outcome.Done(1));
    }
    assertThat(run.names()).noneMatch(name -> name.contains("/checkpoint-"));
  }

  @Test
  void deletesAWholeRunAndNoOther() {
    run.delivered(OWNER);
    run.put("attempt-0002/adapter/deep/er/file", new byte[1]);
    try (StoredRun beside =
        new StoredRun(
            team.store(), run.job().getMetadata().getName() + "0", DeletionPolicy.DELETE_ALL)) {
      beside.delivered(OWNER);
      List<String> others = beside.names();
      assertThat(deleteRun(Map.of())).isEqualTo(new Outcome.Done(18));
      assertThat(run.names()).isEmpty();
      assertThat(beside.names()).isEqualTo(others);
    }
    assertThat(deleteRun(Map.of())).isEqualTo(new Outcome.Done(0));
  }

  @Test
  void fencesTheTrainerOffBeforeAnythingIsDeletedAndDeletesTheHeadLast() {
    run.delivered(OWNER);
    Map<String, String> few = Map.of("storage.maximum-deletions", "2");
    assertThat(deleteRun(few)).isEqualTo(new Outcome.Unfinished());
    Head fence = run.head();
    assertThat(fence.attempt()).isEqualTo(3);
    assertThat(fence.owner()).isEqualTo(OWNER);
    assertThat(fence.heartbeat()).isEqualTo(NOW);
    assertThat(fence.checkpoints()).isEmpty();
    assertThat(fence.delivered()).isNull();
    for (int left = run.names().size(); left > 0; left = run.names().size()) {
      assertThat(run.names()).contains(StorageLayout.HEAD);
      deleteRun(few);
      assertThat(run.names()).hasSizeLessThan(left);
    }
  }

  @Test
  void fencesOffATrainerThatClaimedMeanwhileToo() {
    run.training(OWNER);
    Map<String, String> few = Map.of("storage.maximum-deletions", "2");
    deleteRun(few);
    run.putSealed(StorageLayout.HEAD, new Head(4, OWNER, NOW, "t", List.of(), null, null, null));
    assertThat(deleteRun(few)).isEqualTo(new Outcome.Unfinished());
    assertThat(run.head().attempt()).isEqualTo(5);
  }

  @Test
  void stopsWhenAnotherOwnerTakesTheRunOverMeanwhile() {
    run.training(OWNER);
    deleteRun(Map.of("storage.maximum-deletions", "2"));
    run.putSealed(StorageLayout.HEAD, new Head(4, "laptop", NOW, "t", List.of(), null, null, null));
    List<String> names = run.names();
    assertThat(deleteRun(Map.of())).isInstanceOf(Outcome.Refused.class);
    assertThat(run.names()).isEqualTo(names);
  }

  @Test
  void deletesNothingOfARunWhoseHeadIsBroken() {
    run.delivered(OWNER);
    run.put(StorageLayout.HEAD, new byte[0]);
    List<String> names = run.names();
    assertThat(deleteRun(Map.of()))
        .isEqualTo(new Outcome.Unavailable("head.json: must not be empty"));
    assertThat(run.names()).isEqualTo(names);
  }

  @Test
  void tellsWhyItCannotChangeARun() {
    run.training(OWNER);
    assertThat(deleteRun(Map.of("storage.allowed-endpoints", "https://other.example")))
        .isInstanceOf(Outcome.NotConfigured.class);
    assertThat(deleteRun(Map.of("storage.endpoint-override", "http://127.0.0.1:1")))
        .isInstanceOf(Outcome.Unavailable.class);
    run.job().getMetadata().setNamespace("elsewhere");
    assertThat(deleteRun(Map.of()))
        .isEqualTo(
            new Outcome.Denied(
                "spec.storage.secretRef: there is no Secret elsewhere/finetune-storage"));
  }

  private interface Step {
    Object before(Method method, Object[] arguments, S3Client real) throws Throwable;
  }

  /** Returns the run as it is seen through a client that a test steps in front of. */
  private RunFolder through(Step step) {
    S3Client real = run.s3();
    S3Client faulty =
        (S3Client)
            Proxy.newProxyInstance(
                S3RunChangesTest.class.getClassLoader(),
                new Class<?>[] {S3Client.class},
                (_, method, arguments) -> {
                  Object answer = step.before(method, arguments, real);
                  return answer == null ? call(real, method, arguments) : answer;
                });
    return new RunFolder(
        new StoreClients.Store(faulty, null),
        new ObjectReader(faulty, StoredRun.BUCKET, 100_000),
        new ObjectWriter(faulty, StoredRun.BUCKET),
        run.folder());
  }

  private static Object call(S3Client real, Method method, Object[] arguments) throws Throwable {
    try {
      return method.invoke(real, arguments);
    } catch (InvocationTargetException e) {
      throw e.getCause();
    }
  }

  private static boolean isPut(Method method) {
    return method.getName().equals("putObject");
  }

  private static BiFunction<Head, String, Verdict> rule(AtomicInteger judged) {
    return (head, writeId) -> {
      judged.incrementAndGet();
      return DeletionRules.withoutCheckpoints(head, OWNER, writeId);
    };
  }

  @Test
  void knowsItsOwnWriteWhenTheAnswerWasLost() throws Exception {
    run.delivered(OWNER);
    AtomicInteger puts = new AtomicInteger();
    AtomicInteger judged = new AtomicInteger();
    RunFolder lossy =
        through(
            (method, arguments, real) -> {
              if (isPut(method)) {
                puts.incrementAndGet();
                call(real, method, arguments);
                throw SdkClientException.create("connection reset");
              }
              return null;
            });
    assertThat(HeadSwap.change(lossy, rule(judged)))
        .isEqualTo(new HeadSwap.Result.Settled(run.head()));
    assertThat(puts).hasValue(1);
    assertThat(judged).hasValue(1);
    assertThat(run.head().checkpoints()).isEmpty();
  }

  @Test
  void judgesAnewWhatAnotherWroteInBetween() throws Exception {
    Head before = run.delivered(OWNER);
    AtomicInteger puts = new AtomicInteger();
    RunFolder contended =
        through(
            (method, _, _) -> {
              if (isPut(method) && puts.incrementAndGet() == 1) {
                run.putSealed(
                    StorageLayout.HEAD,
                    new Head(
                        3,
                        "laptop",
                        NOW,
                        "theirs",
                        before.checkpoints(),
                        30,
                        20,
                        before.delivered()));
              }
              return null;
            });
    assertThat(HeadSwap.change(contended, rule(new AtomicInteger())))
        .isInstanceOf(HeadSwap.Result.Refused.class);
    assertThat(run.head().writeId()).isEqualTo("theirs");
    assertThat(run.head().checkpoints()).hasSize(3);
  }

  @Test
  void givesUpForNowWhenOthersAlwaysWriteFirst() throws Exception {
    Head before = run.delivered(OWNER);
    AtomicInteger puts = new AtomicInteger();
    RunFolder contended =
        through(
            (method, _, _) -> {
              if (isPut(method)) {
                String beat = before.writeId() + puts.incrementAndGet();
                run.putSealed(
                    StorageLayout.HEAD,
                    new Head(
                        2, OWNER, NOW, beat, before.checkpoints(), 30, 20, before.delivered()));
              }
              return null;
            });
    assertThat(HeadSwap.change(contended, rule(new AtomicInteger())))
        .isEqualTo(new HeadSwap.Result.Lost());
    assertThat(puts).hasValue(5);
    assertThat(run.head().checkpoints()).hasSize(3);
  }
}
