package dev.finetune.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.finetune.api.run.CheckpointRequest;
import dev.finetune.api.run.Head;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.run.StorageLayout;
import dev.finetune.api.spec.DeletionPolicy;
import dev.finetune.embedded.apiserver.EmbeddedApiServer;
import dev.finetune.embedded.objectstore.EmbeddedObjectStore;
import dev.finetune.embedded.objectstore.ObjectStoreOptions;
import dev.finetune.operator.FakeRunChanges;
import dev.finetune.operator.FakeRunReader;
import dev.finetune.operator.FineTuneJobs;
import dev.finetune.operator.Settings;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import dev.finetune.operator.dependent.Finalizers;
import dev.finetune.operator.progress.RunChanges;
import dev.finetune.operator.progress.RunChanges.Outcome;
import dev.finetune.operator.progress.RunReading;
import dev.finetune.operator.progress.S3RunChanges;
import dev.finetune.operator.progress.StoredRun;
import io.fabric8.crdv2.generator.CRDGenerator;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.events.v1.Event;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.javaoperatorsdk.operator.Operator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.awaitility.core.ThrowingRunnable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the loop does to storage, finalizer and events, against an API server. */
class StorageDutiesTest {
  private static final String NO_FINALIZERS = "{\"metadata\":{\"finalizers\":null}}";

  @TempDir private static Path folder;

  private static EmbeddedApiServer server;
  private static EmbeddedObjectStore store;
  private static int number;

  private final FakeRunReader reading = new FakeRunReader();
  private final FakeRunChanges changes = new FakeRunChanges();
  private KubernetesClient client;
  private Operator operator;
  private StoredRun run;
  private String name;

  @BeforeAll
  static void startServers() throws IOException {
    Path crds = folder.resolve("crds");
    new CRDGenerator()
        .customResourceClasses(FineTuneJob.class)
        .inOutputDir(Files.createDirectories(crds).toFile())
        .generate();
    server = EmbeddedApiServer.start(0, crds);
    store = EmbeddedObjectStore.start(ObjectStoreOptions.in(folder.resolve("store")));
    store.createBucket(StoredRun.BUCKET);
    try (KubernetesClient client = server.client()) {
      client
          .resource(new NamespaceBuilder().withNewMetadata().withName("team").endMetadata().build())
          .create();
      client.resource(StoredRun.secret(store)).create();
    }
  }

  @AfterAll
  static void stopServers() {
    store.close();
    server.close();
  }

  @BeforeEach
  void begin() {
    client = server.client();
    name = "job-" + ++number;
  }

  @AfterEach
  void end() {
    operator.stop();
    for (FineTuneJob left :
        client.resources(FineTuneJob.class).inNamespace("team").list().getItems()) {
      client.resource(left).patch(PatchContext.of(PatchType.JSON_MERGE), NO_FINALIZERS);
      client.resource(left).delete();
    }
    client.batch().v1().jobs().inNamespace("team").delete();
    client.close();
    if (run != null) {
      run.close();
    }
  }

  private void start(RunChanges changes, String deadline) {
    OperatorConfig config =
        Settings.with(
            Map.of(
                "polling.interval", "PT0.1S",
                "polling.idle-interval", "PT0.3S",
                "storage.allow-loopback", "true",
                "storage.deletion-deadline", deadline,
                "storage.maximum-deletions", "5"));
    operator =
        new Operator(
            settings ->
                settings
                    .withKubernetesClient(client)
                    .checkingCRDAndValidateLocalModel(false)
                    .withCloseClientOnStop(false));
    RunChanges used =
        changes == null ? new S3RunChanges(client, config.storage(), Clock.systemUTC()) : changes;
    operator.register(new FineTuneJobReconciler(client, reading, used, config, Clock.systemUTC()));
    operator.start();
  }

  private FineTuneJob submit(FineTuneJob job) {
    job.getMetadata().setName(name);
    job.getMetadata().setUid(null);
    job.getMetadata().setGeneration(null);
    return client.resource(job).create();
  }

  private Resource<FineTuneJob> job() {
    return client.resources(FineTuneJob.class).inNamespace("team").withName(name);
  }

  private Job trainer() {
    return client.batch().v1().jobs().inNamespace("team").withName(name + "-1").get();
  }

  private static void eventually(ThrowingRunnable assertion) {
    await()
        .atMost(Duration.ofSeconds(20))
        .pollInterval(Duration.ofMillis(50))
        .untilAsserted(assertion);
  }

  private List<Event> events() {
    return client.events().v1().events().inNamespace("team").list().getItems().stream()
        .filter(event -> name.equals(event.getRegarding().getName()))
        .toList();
  }

  private void assertEvent(String type, String reason, String note) {
    eventually(
        () ->
            assertThat(events())
                .anySatisfy(
                    event -> {
                      assertThat(event.getType()).isEqualTo(type);
                      assertThat(event.getReason()).isEqualTo(reason);
                      assertThat(event.getNote()).contains(note);
                    }));
  }

  private void awaitGone() {
    eventually(() -> assertThat(job().get()).isNull());
  }

  private void awaitFinalizers(String... finalizers) {
    eventually(
        () ->
            assertThat(job().get().getMetadata().getFinalizers())
                .containsExactlyInAnyOrder(finalizers));
  }

  private void policy(String policy) {
    job()
        .patch(
            PatchContext.of(PatchType.JSON_MERGE),
            "{\"spec\":{\"deletionPolicy\":\"" + policy + "\"}}");
  }

  /** Plays Job controller and kubelet: a pod that runs, and stays until it is let go. */
  private Pod pod() {
    eventually(() -> assertThat(trainer()).isNotNull());
    Pod pod =
        new PodBuilder()
            .withNewMetadata()
            .withName(name + "-1-abcde")
            .withNamespace("team")
            .withLabels(trainer().getSpec().getTemplate().getMetadata().getLabels())
            .withFinalizers("batch.kubernetes.io/job-tracking")
            .addNewOwnerReference()
            .withApiVersion("batch/v1")
            .withKind("Job")
            .withName(name + "-1")
            .withUid(trainer().getMetadata().getUid())
            .endOwnerReference()
            .endMetadata()
            .withSpec(trainer().getSpec().getTemplate().getSpec())
            .build();
    client.resource(pod).create();
    return client
        .resource(pod)
        .editStatus(
            now ->
                new PodBuilder(now)
                    .withNewStatus()
                    .withPhase("Running")
                    .withStartTime("2026-01-01T00:00:00Z")
                    .endStatus()
                    .build());
  }

  private void letGo(Pod pod) {
    client.resource(pod).patch(PatchContext.of(PatchType.JSON_MERGE), NO_FINALIZERS);
  }

  @Test
  void hasAFinalizerOnlyWhileTheRunShallGoWithTheJob() {
    start(changes, "PT10M");
    FineTuneJob job = FineTuneJobs.minimal();
    job.getMetadata().setFinalizers(List.of("example.com/other"));
    submit(job);
    eventually(() -> assertThat(job().get().getStatus()).isNotNull());
    awaitFinalizers("example.com/other");
    policy("DeleteAll");
    awaitFinalizers("example.com/other", Finalizers.STORAGE);
    policy("DeleteCheckpoints");
    awaitFinalizers("example.com/other");
    job().patch(PatchContext.of(PatchType.JSON_MERGE), NO_FINALIZERS);
    policy("DeleteAll");
    awaitFinalizers(Finalizers.STORAGE);
    job().delete();
    awaitGone();
    assertThat(changes.asked()).containsExactly("delete run");
  }

  @Test
  void aJobWhoseRunIsKeptGoesWithoutTheOperator() {
    start(changes, "PT10M");
    submit(FineTuneJobs.minimal());
    eventually(() -> assertThat(job().get().getStatus()).isNotNull());
    operator.stop();
    job().delete();
    assertThat(job().get()).isNull();
    assertThat(changes.asked()).isEmpty();
  }

  @Test
  void deletesTheRunOnlyAfterTheTrainerIsGone() {
    run = new StoredRun(store, name, DeletionPolicy.DELETE_ALL);
    start(null, "PT10M");
    FineTuneJob submitted = submit(run.job());
    run.training(submitted.getMetadata().getUid());
    Pod pod = pod();
    awaitFinalizers(Finalizers.STORAGE);
    List<String> whole = run.names();
    job().delete();
    eventually(() -> assertThat(trainer()).isNull());
    assertThat(run.names()).as("while a pod may still write").isEqualTo(whole);
    assertThat(run.head().attempt()).isEqualTo(2);
    letGo(pod);
    awaitGone();
    assertThat(run.names()).isEmpty();
    assertEvent("Normal", "RunDeleted", "the run is deleted");
  }

  @Test
  void keepsARunThatAnotherOwnerClaimedAndSaysSo() {
    run = new StoredRun(store, name, DeletionPolicy.DELETE_ALL);
    run.delivered("laptop");
    List<String> names = run.names();
    start(null, "PT10M");
    submit(run.job());
    awaitFinalizers(Finalizers.STORAGE);
    job().delete();
    awaitGone();
    assertThat(run.names()).isEqualTo(names);
    assertEvent("Warning", "RunKept", "owned by laptop, not by this job");
  }

  @Test
  void letsTheJobGoAtTheDeadlineWhateverTheStorageDoes() {
    changes.ends(new Outcome.Unavailable("connection refused"));
    start(changes, "PT3S");
    submit(FineTuneJobs.with(DeletionPolicy.DELETE_ALL));
    awaitFinalizers(Finalizers.STORAGE);
    Instant deleted = Instant.now();
    job().delete();
    assertEvent("Warning", "RunNotDeletedYet", "connection refused");
    awaitGone();
    assertThat(Duration.between(deleted, Instant.now())).isGreaterThan(Duration.ofMillis(1900));
    assertEvent("Warning", "RunKept", "not done within 3 s");
  }

  @Test
  void keepsTheRunWhenThePolicyChangesWhileItWaits() {
    changes.ends(new Outcome.Denied("403"));
    start(changes, "PT10M");
    submit(FineTuneJobs.with(DeletionPolicy.DELETE_ALL));
    awaitFinalizers(Finalizers.STORAGE);
    job().delete();
    assertEvent("Warning", "RunNotDeletedYet", "403");
    policy("KeepAll");
    awaitGone();
  }

  @Test
  void letsTheJobGoAtOnceWhenTheStorageIsNotConfigured() {
    changes.ends(new Outcome.NotConfigured("spec.storage.secretRef: absent"));
    start(changes, "PT10M");
    submit(FineTuneJobs.with(DeletionPolicy.DELETE_ALL));
    awaitFinalizers(Finalizers.STORAGE);
    job().delete();
    awaitGone();
    assertEvent("Warning", "RunKept", "spec.storage.secretRef: absent");
  }

  @Test
  void letsTheJobGoAtOnceWhenTheKeysWentWithTheNamespace() {
    client
        .resource(
            new NamespaceBuilder()
                .withNewMetadata()
                .withName("ending")
                .withFinalizers("example.com/kept")
                .endMetadata()
                .build())
        .create();
    changes.ends(new Outcome.Denied("there is no Secret"));
    start(changes, "PT10M");
    FineTuneJob job = FineTuneJobs.with(DeletionPolicy.DELETE_ALL);
    job.getMetadata().setNamespace("ending");
    submit(job);
    Resource<FineTuneJob> there =
        client.resources(FineTuneJob.class).inNamespace("ending").withName(name);
    eventually(
        () -> assertThat(there.get().getMetadata().getFinalizers()).contains(Finalizers.STORAGE));
    client.namespaces().withName("ending").delete();
    there.delete();
    eventually(() -> assertThat(there.get()).isNull());
  }

  private void complete(RunChanges used) {
    FineTuneJob job =
        run == null ? FineTuneJobs.with(DeletionPolicy.DELETE_CHECKPOINTS) : run.job();
    reading.says(RunReading.of(Scenes.delivered(1), null));
    start(used, "PT10M");
    submit(job);
    eventually(() -> assertThat(job().get().getStatus().completionTime()).isNotNull());
  }

  @Test
  void deletesTheCheckpointsOfACompleteJob() {
    run = new StoredRun(store, name, DeletionPolicy.DELETE_CHECKPOINTS);
    Head head = run.delivered(submit(run.job()).getMetadata().getUid());
    reading.says(RunReading.of(head, null));
    start(null, "PT10M");
    eventually(() -> assertThat(run.names()).noneMatch(object -> object.contains("/checkpoint-")));
    assertThat(run.head().checkpoints()).isEmpty();
    assertThat(run.head().delivered()).isEqualTo(head.delivered());
    assertEvent("Normal", "CheckpointsDeleted", "the adapter stays");
    assertThat(job().get().getMetadata().getFinalizers()).isEmpty();
  }

  @Test
  void saysOnceThatCheckpointsAreKept() throws InterruptedException {
    changes.ends(new Outcome.Refused("it is owned by laptop"));
    complete(changes);
    assertEvent("Warning", "CheckpointsKept", "it is owned by laptop");
    policy("DeleteAll");
    awaitFinalizers(Finalizers.STORAGE);
    Thread.sleep(500);
    assertThat(changes.asked()).containsExactly("delete checkpoints");
    assertThat(events()).hasSize(1);
    policy("KeepAll");
    awaitFinalizers();
  }

  @Test
  void triesAgainLaterWhenTheStorageDoesNotAnswer() throws InterruptedException {
    changes.ends(new Outcome.Unavailable("connection refused"));
    complete(changes);
    assertEvent("Warning", "CheckpointsNotDeletedYet", "connection refused");
    Thread.sleep(1000);
    assertThat(changes.asked()).as("no storm").hasSize(1);
    changes.ends(new Outcome.Done(3));
    assertEvent("Normal", "CheckpointsDeleted", "the adapter stays");
  }

  @Test
  void asksTheTrainerForACheckpointOnceForEachValue() throws Exception {
    run = new StoredRun(store, name, DeletionPolicy.KEEP_ALL);
    start(null, "PT10M");
    String uid = submit(run.job()).getMetadata().getUid();
    Pod pod = pod();
    reading.says(RunReading.of(run.training(uid), StoredRun.progress(2, 33, Instant.now())));
    annotate("before drain");
    eventually(() -> assertThat(run.names()).contains(StorageLayout.CHECKPOINT_REQUEST));
    CheckpointRequest first = request();
    assertThat(first.id()).isEqualTo("before drain");
    Thread.sleep(700);
    assertThat(request()).as("written once").isEqualTo(first);
    annotate("second");
    eventually(() -> assertThat(request().id()).isEqualTo("second"));
    annotate("no\nid");
    assertEvent("Warning", "CheckpointRequestInvalid", "must be 1 to 63 characters");
    assertThat(request().id()).isEqualTo("second");
    assertThat(trainer()).as("the trainer goes on").isNotNull();
    letGo(pod);
  }

  private void annotate(String value) {
    job()
        .edit(
            now -> {
              now.getMetadata().setAnnotations(Map.of(CheckpointRequestPolicy.ANNOTATION, value));
              return now;
            });
  }

  private CheckpointRequest request() throws IOException {
    return RunJson.read(run.get(StorageLayout.CHECKPOINT_REQUEST), CheckpointRequest.class);
  }
}
