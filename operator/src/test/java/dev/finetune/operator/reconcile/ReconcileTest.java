package dev.finetune.operator.reconcile;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.finetune.api.run.Progress;
import dev.finetune.api.status.AttemptStatus;
import dev.finetune.api.status.ConditionType;
import dev.finetune.api.status.FineTuneJobStatus;
import dev.finetune.api.status.Phase;
import dev.finetune.embedded.apiserver.EmbeddedApiServer;
import dev.finetune.operator.FakeRunChanges;
import dev.finetune.operator.FakeRunReader;
import dev.finetune.operator.FineTuneJobs;
import dev.finetune.operator.Settings;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.dependent.StatusWriter;
import dev.finetune.operator.desired.AttemptSettings;
import dev.finetune.operator.desired.Labels;
import dev.finetune.operator.desired.TrainerJob;
import dev.finetune.operator.progress.RunReading;
import dev.finetune.operator.status.Conditions;
import io.fabric8.crdv2.generator.CRDGenerator;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.api.model.ContainerStateBuilder;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.NamespaceBuilder;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.PodBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.JobList;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.dsl.FilterWatchListDeletable;
import io.fabric8.kubernetes.client.dsl.Resource;
import io.fabric8.kubernetes.client.dsl.ScalableResource;
import io.javaoperatorsdk.operator.Operator;
import io.javaoperatorsdk.operator.api.reconciler.BaseControl;
import io.javaoperatorsdk.operator.api.reconciler.Context;
import io.javaoperatorsdk.operator.api.reconciler.UpdateControl;
import java.io.IOException;
import java.lang.reflect.Proxy;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import org.awaitility.core.ThrowingRunnable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The whole loop against an API server; the test plays the Job controller and the kubelet. */
class ReconcileTest {
  private static final String NAMESPACE = "team";
  private static final String NAME = "alpaca";

  @TempDir private static Path crds;

  private static EmbeddedApiServer server;
  private final FakeRunReader run = new FakeRunReader();
  private final RequestLog log = new RequestLog();
  private KubernetesClient client;
  private KubernetesClient operatorClient;
  private Operator operator;

  @BeforeAll
  static void startServer() throws IOException {
    new CRDGenerator()
        .customResourceClasses(FineTuneJob.class)
        .inOutputDir(crds.toFile())
        .generate();
    server = EmbeddedApiServer.start(0, crds, Path.of("src/test/resources/kueue"));
    try (KubernetesClient client = server.client()) {
      client
          .resource(
              new NamespaceBuilder().withNewMetadata().withName(NAMESPACE).endMetadata().build())
          .create();
    }
  }

  @AfterAll
  static void stopServer() {
    server.close();
  }

  @BeforeEach
  void startOperator() {
    client = server.client();
    operatorClient =
        new KubernetesClientBuilder()
            .withConfig(client.getConfiguration())
            .withHttpClientBuilderConsumer(http -> http.addOrReplaceInterceptor("log", log))
            .build();
    start();
  }

  private void start() {
    operator =
        new Operator(
            settings ->
                settings
                    .withKubernetesClient(operatorClient)
                    .checkingCRDAndValidateLocalModel(false)
                    .withCloseClientOnStop(false));
    operator.register(reconciler());
    operator.start();
  }

  private FineTuneJobReconciler reconciler() {
    return new FineTuneJobReconciler(
        operatorClient,
        run,
        new FakeRunChanges(),
        Settings.with(
            Map.of(
                "polling.interval", "PT0.1S",
                "polling.idle-interval", "PT0.3S",
                "polling.progress-write-interval", "PT1S",
                "retry.initial-back-off", "PT0.1S")),
        Clock.systemUTC());
  }

  @AfterEach
  void stopOperator() {
    operator.stop();
    jobs().delete();
    job().delete();
    client.batch().v1().jobs().inNamespace(NAMESPACE).delete();
    client.pods().inNamespace(NAMESPACE).delete();
    client.configMaps().inNamespace(NAMESPACE).delete();
    client.close();
    operatorClient.close();
  }

  private Resource<FineTuneJob> job() {
    return client.resources(FineTuneJob.class).inNamespace(NAMESPACE).withName(NAME);
  }

  private FilterWatchListDeletable<Job, JobList, ScalableResource<Job>> jobs() {
    return client.batch().v1().jobs().inNamespace(NAMESPACE).withLabel(Labels.JOB, NAME);
  }

  private Resource<Job> trainer(int number) {
    return client.batch().v1().jobs().inNamespace(NAMESPACE).withName(NAME + "-" + number);
  }

  private FineTuneJob submit(FineTuneJob job) {
    job.getMetadata().setUid(null);
    job.getMetadata().setGeneration(null);
    return client.resource(job).create();
  }

  private FineTuneJob submit() {
    return submit(FineTuneJobs.minimal());
  }

  private static void eventually(ThrowingRunnable assertion) {
    await()
        .atMost(Duration.ofSeconds(20))
        .pollInterval(Duration.ofMillis(50))
        .untilAsserted(assertion);
  }

  private FineTuneJobStatus status() {
    FineTuneJobStatus status = job().get().getStatus();
    assertThat(status).isNotNull();
    return status;
  }

  private void awaitPhase(Phase phase) {
    eventually(() -> assertThat(status().phase()).isEqualTo(phase));
  }

  private void awaitTrainer(int number) {
    eventually(() -> assertThat(trainer(number).get()).isNotNull());
  }

  /** Plays the kubelet: the pod of a Job runs. */
  private void runPod(int number) {
    Job job = trainer(number).get();
    Pod pod =
        new PodBuilder()
            .withNewMetadata()
            .withName(job.getMetadata().getName() + "-abcde")
            .withNamespace(NAMESPACE)
            .withLabels(job.getSpec().getTemplate().getMetadata().getLabels())
            .addNewOwnerReference()
            .withApiVersion("batch/v1")
            .withKind("Job")
            .withName(job.getMetadata().getName())
            .withUid(job.getMetadata().getUid())
            .withController(true)
            .endOwnerReference()
            .endMetadata()
            .withSpec(job.getSpec().getTemplate().getSpec())
            .build();
    client.resource(pod).create();
    client
        .resource(pod)
        .editStatus(
            now ->
                new PodBuilder(now)
                    .withNewStatus()
                    .withPhase("Running")
                    .withStartTime(
                        Instant.now().minusSeconds(60).truncatedTo(ChronoUnit.SECONDS).toString())
                    .endStatus()
                    .build());
  }

  /** Plays kubelet and Job controller: the container ends, and with it the Job. */
  private void endPod(int number, int exitStatus, String words) {
    client
        .pods()
        .inNamespace(NAMESPACE)
        .withName(NAME + "-" + number + "-abcde")
        .editStatus(
            now ->
                new PodBuilder(now)
                    .editStatus()
                    .withPhase(exitStatus == 0 ? "Succeeded" : "Failed")
                    .addNewContainerStatus()
                    .withName(TrainerJob.CONTAINER)
                    .withState(
                        new ContainerStateBuilder()
                            .withNewTerminated()
                            .withExitCode(exitStatus)
                            .withReason(exitStatus == 0 ? "Completed" : "Error")
                            .withMessage(words)
                            .endTerminated()
                            .build())
                    .endContainerStatus()
                    .endStatus()
                    .build());
    String condition = exitStatus == 0 ? "Complete" : "Failed";
    trainer(number)
        .editStatus(
            now ->
                new JobBuilder(now)
                    .withNewStatus()
                    .addNewCondition()
                    .withType(condition)
                    .withStatus("True")
                    .withLastTransitionTime(
                        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString())
                    .endCondition()
                    .endStatus()
                    .build());
  }

  private static Progress training(int step) {
    return new Progress(
        1,
        Progress.State.TRAINING,
        step,
        500,
        1.5,
        null,
        300.0,
        null,
        null,
        null,
        null,
        0,
        null,
        Instant.now());
  }

  private static RunReading delivered() {
    return RunReading.of(Scenes.delivered(1), training(500));
  }

  private void complete() {
    submit();
    awaitTrainer(1);
    runPod(1);
    run.says(delivered());
    endPod(1, 0, "");
    awaitPhase(Phase.Complete);
  }

  @Test
  void makesAConfigMapAndAJobThatItOwns() {
    FineTuneJob submitted = submit();
    awaitTrainer(1);
    ConfigMap configMap = client.configMaps().inNamespace(NAMESPACE).withName(NAME + "-1").get();
    assertThat(configMap.getData()).containsOnlyKeys("job.yaml");
    assertThat(Labels.isOwned(configMap, submitted.getMetadata().getUid())).isTrue();
    assertThat(Labels.isOwned(trainer(1).get(), submitted.getMetadata().getUid())).isTrue();
    awaitPhase(Phase.Pending);
    assertThat(status().attempts()).extracting(AttemptStatus::job).containsExactly("alpaca-1");
  }

  @Test
  void showsProgressAndThenWritesNothingMore() throws InterruptedException {
    submit();
    awaitTrainer(1);
    runPod(1);
    run.says(RunReading.of(Scenes.head(1, 100, Instant.now()), training(120)));
    awaitPhase(Phase.Running);
    eventually(() -> assertThat(status().progress().steps()).isEqualTo("120/500"));
    assertThat(managers()).contains("finetune-operator", "finetune-progress");
    AtomicInteger before = new AtomicInteger(-1);
    await()
        .atMost(Duration.ofSeconds(30))
        .pollInterval(Duration.ofSeconds(1))
        .until(() -> before.getAndSet(log.requests().size()) == log.requests().size());
    int asked = log.requests().size();
    long writes = log.writes();
    String version = job().get().getMetadata().getResourceVersion();
    Thread.sleep(2000);
    assertThat(log.writes()).isEqualTo(writes);
    assertThat(job().get().getMetadata().getResourceVersion()).isEqualTo(version);
    assertThat(log.requests()).hasSize(asked);
  }

  private List<String> managers() {
    return job().get().getMetadata().getManagedFields().stream()
        .map(entry -> entry.getManager())
        .toList();
  }

  @Test
  void isCompleteWhenTheAdapterIsDelivered() {
    complete();
    assertThat(Conditions.isTrue(job().get(), ConditionType.Ready)).isTrue();
    assertThat(status().adapter().uri()).endsWith("/attempt-0001/adapter");
    assertThat(status().progress().steps()).isEqualTo("500/500");
    assertThat(status().observedGeneration()).isEqualTo(job().get().getMetadata().getGeneration());
  }

  @Test
  void doesNotRunAgainWhenTheObjectsOfACompleteJobAreDeleted() throws InterruptedException {
    complete();
    run.says(RunReading.of(null, null));
    trainer(1).delete();
    client.pods().inNamespace(NAMESPACE).delete();
    Thread.sleep(1500);
    operator.stop();
    start();
    Thread.sleep(1500);
    assertThat(jobs().list().getItems()).isEmpty();
    assertThat(status().phase()).isEqualTo(Phase.Complete);
  }

  @Test
  void isCompleteWithoutAJobIfTheRunWasDeliveredBefore() {
    run.says(delivered());
    submit();
    awaitPhase(Phase.Complete);
    assertThat(jobs().list().getItems()).isEmpty();
  }

  @Test
  void stopsAndResumesByTheJobsOwnSuspend() {
    submit();
    awaitTrainer(1);
    runPod(1);
    awaitPhase(Phase.Running);
    suspend(true);
    eventually(() -> assertThat(trainer(1).get().getSpec().getSuspend()).isTrue());
    awaitPhase(Phase.Suspended);
    client.pods().inNamespace(NAMESPACE).delete();
    eventually(() -> assertThat(status().reason()).isEqualTo("SuspendRequested"));
    suspend(false);
    eventually(() -> assertThat(trainer(1).get().getSpec().getSuspend()).isFalse());
    awaitPhase(Phase.Pending);
    assertThat(jobs().list().getItems()).hasSize(1);
  }

  private void suspend(boolean suspend) {
    job()
        .edit(
            now -> {
              now.setSpec(FineTuneJobs.with(suspend, null, "http://store.example:9000").getSpec());
              return now;
            });
  }

  @Test
  void makesTheNextJobAfterACrash() {
    submit();
    awaitTrainer(1);
    runPod(1);
    awaitPhase(Phase.Running);
    endPod(1, 134, "SIGABRT");
    awaitTrainer(2);
    eventually(() -> assertThat(status().restarts()).isEqualTo(1));
    AttemptStatus first = status().attempts().getFirst();
    assertThat(first.reason()).isEqualTo("Crashed");
    assertThat(first.exitCode()).isEqualTo(134);
    assertThat(first.message()).isEqualTo("SIGABRT");
  }

  @Test
  void failsWithTheTrainersLastWords() {
    submit();
    awaitTrainer(1);
    runPod(1);
    awaitPhase(Phase.Running);
    endPod(1, 42, "reading\ndataset.train: line 7 is no JSON\n");
    awaitPhase(Phase.Failed);
    assertThat(status().reason()).isEqualTo("InvalidInput");
    assertThat(Conditions.find(job().get(), ConditionType.Failed).orElseThrow().message())
        .contains("exit 42")
        .contains("dataset.train: line 7 is no JSON");
    assertThat(Conditions.isTrue(job().get(), ConditionType.Stalled)).isTrue();
  }

  @Test
  void makesTheNextJobAfterOneWasDeletedWhileItRan() {
    submit();
    awaitTrainer(1);
    eventually(() -> assertThat(status().attempts()).hasSize(1));
    trainer(1).delete();
    awaitTrainer(2);
    eventually(() -> assertThat(status().attempts().getFirst().reason()).isEqualTo("Deleted"));
  }

  @Test
  void removesJobsPodsAndConfigMapsAfterTheTimeToLive() {
    submit(FineTuneJobs.with(false, 1, "http://store.example:9000"));
    awaitTrainer(1);
    runPod(1);
    run.says(delivered());
    endPod(1, 0, "");
    awaitPhase(Phase.Complete);
    eventually(
        () -> {
          assertThat(jobs().list().getItems()).isEmpty();
          assertThat(client.pods().inNamespace(NAMESPACE).list().getItems()).isEmpty();
          assertThat(client.configMaps().inNamespace(NAMESPACE).list().getItems()).isEmpty();
        });
    assertThat(status().phase()).isEqualTo(Phase.Complete);
  }

  @Test
  void doesNotLoseAChangeOfTheSpecThatArrivesDuringAStatusWrite() {
    submit();
    awaitTrainer(1);
    awaitPhase(Phase.Pending);
    Predicate<RequestLog.Request> statusWrite =
        request -> request.method().equals("PATCH") && request.path().endsWith("/status");
    log.before(statusWrite, () -> suspend(true));
    runPod(1);
    eventually(() -> assertThat(trainer(1).get().getSpec().getSuspend()).isTrue());
    eventually(
        () ->
            assertThat(status().observedGeneration())
                .isEqualTo(job().get().getMetadata().getGeneration()));
  }

  @Test
  void makesNoJobForAJobThatWasSuspendedMeanwhile() {
    Predicate<RequestLog.Request> lastLook =
        request -> request.method().equals("GET") && request.path().endsWith("/" + NAME);
    log.before(lastLook, () -> suspend(true));
    submit();
    awaitPhase(Phase.Suspended);
    assertThat(jobs().list().getItems()).isEmpty();
  }

  @Test
  void waitsWhileSomethingElseHasTheNameOfItsJob() {
    Job stranger =
        new JobBuilder(
                TrainerJob.of(
                    FineTuneJobs.minimal(),
                    1,
                    AttemptSettings.first(Settings.defaults().trainer()),
                    Settings.defaults().trainer()))
            .editMetadata()
            .withOwnerReferences(List.of())
            .endMetadata()
            .build();
    client.resource(stranger).create();
    submit();
    eventually(
        () ->
            assertThat(Conditions.find(job().get(), ConditionType.Reconciling))
                .hasValueSatisfying(
                    now -> assertThat(now.message()).contains("alpaca-1 is in the way")));
    trainer(1).delete();
    String uid = job().get().getMetadata().getUid();
    eventually(
        () ->
            assertThat(trainer(1).get())
                .isNotNull()
                .matches(made -> Labels.isOwned(made, uid), "is owned by the FineTuneJob"));
  }

  @Test
  void saysThatItCannotDoItsWorkAndGoesOnWhenItCan() {
    run.breaks(new IllegalStateException("a bug"));
    submit();
    eventually(
        () ->
            assertThat(Conditions.find(job().get(), ConditionType.Reconciling))
                .hasValueSatisfying(
                    now -> {
                      assertThat(now.reason()).isEqualTo("ReconcileError");
                      assertThat(now.message()).isEqualTo("IllegalStateException: a bug");
                    }));
    assertThat(Conditions.isTrue(job().get(), ConditionType.Stalled)).isFalse();
    assertThat(jobs().list().getItems()).isEmpty();
    run.breaks(null);
    awaitTrainer(1);
    eventually(() -> assertThat(status().reason()).isEqualTo("Creating"));
  }

  @Test
  void isDoneOnlyWhenTheDeliveryIsRead() {
    submit();
    awaitTrainer(1);
    runPod(1);
    run.says(RunReading.of(null, null).unreachable("connection refused"));
    endPod(1, 0, "");
    eventually(() -> assertThat(status().reason()).isEqualTo("StorageUnreachable"));
    assertThat(Conditions.isTerminal(job().get())).isFalse();
    run.says(delivered());
    awaitPhase(Phase.Complete);
    assertThat(jobs().list().getItems()).hasSize(1);
  }

  @Test
  void failsOnASpecThatTheApiServerDidNotCheck() {
    submit(FineTuneJobs.ofModel("ftp://models/llama"));
    awaitPhase(Phase.Failed);
    assertThat(status().reason()).isEqualTo("SpecInvalid");
    assertThat(Conditions.find(job().get(), ConditionType.Failed).orElseThrow().message())
        .contains("spec.model");
    assertThat(jobs().list().getItems()).isEmpty();
  }

  @Test
  void stopsAndResumesAJobInAQueueThroughItsWorkload() {
    FineTuneJob queued = FineTuneJobs.minimal();
    queued.getMetadata().setLabels(Map.of(Labels.QUEUE, "gpu"));
    submit(queued);
    awaitTrainer(1);
    assertThat(trainer(1).get().getSpec().getSuspend()).isTrue();
    eventually(() -> assertThat(status().reason()).isEqualTo("QuotaPending"));
    assertThat(status().queue()).isEqualTo("gpu");
    admit();
    runPod(1);
    awaitPhase(Phase.Running);
    suspend(true);
    eventually(() -> assertThat((Boolean) workload().get("spec", "active")).isFalse());
    awaitPhase(Phase.Suspended);
    assertThat(trainer(1).get().getSpec().getSuspend()).isFalse();
    suspend(false);
    eventually(() -> assertThat((Boolean) workload().get("spec", "active")).isTrue());
  }

  /** Plays Kueue: makes the Workload of the Job, admits it and starts the Job. */
  private void admit() {
    GenericKubernetesResource workload = new GenericKubernetesResource();
    workload.setApiVersion("kueue.x-k8s.io/v1beta1");
    workload.setKind("Workload");
    workload.setMetadata(
        new ObjectMetaBuilder()
            .withName("job-alpaca-1")
            .withNamespace(NAMESPACE)
            .addToLabels("kueue.x-k8s.io/job-uid", trainer(1).get().getMetadata().getUid())
            .build());
    workload.setAdditionalProperty("spec", Map.of("active", true));
    client.resource(workload).create();
    trainer(1).edit(now -> new JobBuilder(now).editSpec().withSuspend(false).endSpec().build());
  }

  private GenericKubernetesResource workload() {
    return client
        .genericKubernetesResources("kueue.x-k8s.io/v1beta1", "Workload")
        .inNamespace(NAMESPACE)
        .withName("job-alpaca-1")
        .get();
  }

  @Test
  void looksAgainAtOnceWhenTheAnswerToAStatusWriteHasANewerSpec() {
    operator.stop();
    FineTuneJob seen = submit(FineTuneJobs.with(true, null, "http://store.example:9000"));
    UpdateControl<FineTuneJob> unchanged = reconciler().reconcile(seen, nothingElse());
    assertThat(unchanged.getScheduleDelay()).hasValue(300L);
    seen.setStatus(null);
    suspend(false);
    UpdateControl<FineTuneJob> changed = reconciler().reconcile(seen, nothingElse());
    assertThat(changed.isNoUpdate()).isTrue();
    assertThat(changed.getScheduleDelay()).hasValue(BaseControl.INSTANT_RESCHEDULE);
  }

  @Test
  void aViewFromBeforeTheEndDoesNotReopenTheJob() {
    operator.stop();
    FineTuneJob seen = submit(FineTuneJobs.with(true, null, "http://store.example:9000"));
    String end = "2026-01-01T00:00:00Z";
    FineTuneJobStatus failed =
        new FineTuneJobStatus(
            1L,
            Phase.Failed,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            end,
            null,
            null);
    new StatusWriter(client).writeStatus(seen, failed);
    reconciler().reconcile(seen, nothingElse());
    assertThat(status().phase()).isEqualTo(Phase.Failed);
    assertThat(status().completionTime()).isEqualTo(end);
  }

  /** A context in which the job has neither Jobs nor pods. */
  @SuppressWarnings("unchecked")
  private static Context<FineTuneJob> nothingElse() {
    return (Context<FineTuneJob>)
        Proxy.newProxyInstance(
            ReconcileTest.class.getClassLoader(),
            new Class<?>[] {Context.class},
            (_, method, _) -> {
              if (method.getName().equals("getSecondaryResources")) {
                return Set.of();
              }
              if (method.getName().equals("isPrimaryResourceDeleted")) {
                return false;
              }
              throw new UnsupportedOperationException(method.getName());
            });
  }
}
