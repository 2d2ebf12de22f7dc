package dev.finetune.local.runner;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.finetune.embedded.apiserver.EmbeddedApiServer;
import io.fabric8.kubernetes.api.model.ConfigMapBuilder;
import io.fabric8.kubernetes.api.model.ContainerStateTerminated;
import io.fabric8.kubernetes.api.model.Pod;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.Job;
import io.fabric8.kubernetes.api.model.batch.v1.JobBuilder;
import io.fabric8.kubernetes.api.model.batch.v1.JobStatus;
import io.fabric8.kubernetes.client.KubernetesClient;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Predicate;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The runner against the embedded API server, with a script as the trainer. */
class LocalRunnerTest {
  private static final Duration PATIENCE = Duration.ofSeconds(20);

  @TempDir Path folder;
  private final Queue<String> output = new ConcurrentLinkedQueue<>();
  private EmbeddedApiServer server;
  private KubernetesClient client;
  private LocalRunner runner;

  @BeforeEach
  void start() throws Exception {
    server = EmbeddedApiServer.start(0);
    client = server.client();
    Path script = Path.of(LocalRunnerTest.class.getResource("/runner/fake-trainer").toURI());
    runner =
        LocalRunner.start(
            client,
            new RunnerOptions(
                List.of("bash", script.toString()),
                folder,
                Map.of("AWS_ENDPOINT_URL", "http://store"),
                output::add));
    client
        .resource(
            new ConfigMapBuilder()
                .withNewMetadata()
                .withName("job-1")
                .endMetadata()
                .addToData("job.yaml", "the-spec")
                .build())
        .create();
    client
        .resource(
            new SecretBuilder()
                .withNewMetadata()
                .withName("keys")
                .endMetadata()
                .addToStringData("AWS_ACCESS_KEY_ID", "local")
                .build())
        .create();
  }

  @AfterEach
  void stop() {
    runner.close();
    client.close();
    server.close();
  }

  @Test
  void aPodThatSucceedsCompletesTheJob() {
    submit("succeed");
    JobStatus status = awaitCondition("Complete");
    assertThat(status.getSucceeded()).isEqualTo(1);
    assertThat(status.getCompletionTime()).isNotNull();
    Pod pod = pods().getFirst();
    assertThat(pod.getStatus().getPhase()).isEqualTo("Succeeded");
    assertThat(pod.getMetadata().getLabels()).containsEntry("job-name", "job-1");
    assertThat(pod.getMetadata().getOwnerReferences().getFirst().getKind()).isEqualTo("Job");
    assertThat(output)
        .anyMatch(
            line ->
                line.contains(
                        "mode succeed, job the-spec, key local, pod " + pod.getMetadata().getName())
                    && line.contains("endpoint http://store"));
  }

  @Test
  void exitCode42FailsTheJobAndKeepsTheLastWords() throws Exception {
    submit("invalid");
    JobStatus status = awaitCondition("Failed");
    assertThat(status.getConditions().getLast().getReason()).isEqualTo("PodFailurePolicy");
    assertThat(status.getConditions().getLast().getMessage()).contains("exit code 42");
    assertThat(status.getFailed()).isEqualTo(1);
    ContainerStateTerminated ended = terminated(pods().getFirst());
    assertThat(ended.getExitCode()).isEqualTo(42);
    assertThat(ended.getReason()).isEqualTo("Error");
    assertThat(ended.getMessage()).contains("spec.model.uri: no such file");
    try (var log =
        runner.openLog("default", pods().getFirst().getMetadata().getName()).orElseThrow()) {
      assertThat(new String(log.readAllBytes(), StandardCharsets.UTF_8)).contains("mode invalid");
    }
  }

  @Test
  void aKilledProcessFailsTheJobWith137() {
    submit("run");
    Pod pod = awaitRunning(p -> true);
    kill(pod);
    JobStatus status = awaitCondition("Failed");
    assertThat(status.getConditions().getLast().getMessage()).contains("exit code 137");
    assertThat(terminated(pods().getFirst()).getExitCode()).isEqualTo(137);
  }

  @Test
  void aDeletedPodSavesItsStateAndIsReplaced() {
    submit("run");
    Pod first = awaitRunning(p -> true);
    awaitPrinted("mode run");
    client.resource(first).delete();
    Pod second = awaitRunning(p -> !name(p).equals(name(first)));
    assertThat(output).anyMatch(line -> line.equals(name(first) + " | saving"));
    assertThat(name(second)).isNotEqualTo(name(first));
    assertThat(client.resource(first).get()).isNull();
    Job job = job();
    assertThat(job.getStatus().getFailed()).isNull();
    assertThat(JobStep.isFinished(job)).isFalse();
  }

  @Test
  void suspensionStopsThePodAndResumptionMakesAnother() {
    submit("run");
    Pod first = awaitRunning(p -> true);
    awaitPrinted("mode run");
    suspend(true);
    await().atMost(PATIENCE).until(() -> pods().isEmpty());
    assertThat(output).contains(name(first) + " | saving");
    await().atMost(PATIENCE).until(() -> JobStep.condition(job(), "Suspended").isPresent());
    assertThat(job().getStatus().getActive()).isNull();
    suspend(false);
    awaitRunning(p -> !name(p).equals(name(first)));
    assertThat(JobStep.condition(job(), "Suspended")).isEmpty();
    assertThat(job().getStatus().getStartTime()).isNotNull();
  }

  @Test
  void aDeletedJobTakesItsPodAlong() {
    submit("run");
    Pod pod = awaitRunning(p -> true);
    awaitPrinted("mode run");
    long pid = runner.pid(pod).orElseThrow();
    client.resource(job()).delete();
    await().atMost(PATIENCE).until(() -> pods().isEmpty());
    await()
        .atMost(PATIENCE)
        .until(() -> ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isEmpty());
    assertThat(output).contains(name(pod) + " | saving");
  }

  @Test
  void aProcessThatIgnoresTheSignalIsKilledAfterTheGracePeriod() {
    client.resource(withGrace(template("stubborn"), 1)).create();
    Pod pod = awaitRunning(p -> true);
    awaitPrinted("mode stubborn");
    long pid = runner.pid(pod).orElseThrow();
    client.resource(pod).delete();
    await()
        .atMost(PATIENCE)
        .until(() -> ProcessHandle.of(pid).filter(ProcessHandle::isAlive).isEmpty());
    assertThat(awaitCondition("Failed").getConditions().getLast().getMessage())
        .contains("exit code 137");
  }

  @Test
  void anEvictedPodIsReplacedWhateverItsExitCode() {
    client.resource(withGrace(template("stubborn"), 1)).create();
    Pod pod = awaitRunning(p -> true);
    client.pods().withName(name(pod)).evict();
    Pod second = awaitRunning(p -> !name(p).equals(name(pod)));
    assertThat(JobStep.isFinished(job())).isFalse();
    kill(second);
  }

  @Test
  void aDeadlineFailsTheJob() {
    Job job = template("run");
    job.getSpec().setActiveDeadlineSeconds(1L);
    client.resource(job).create();
    JobStatus status = awaitCondition("Failed");
    assertThat(status.getConditions().getLast().getReason()).isEqualTo("DeadlineExceeded");
    await().atMost(PATIENCE).until(() -> pods().isEmpty());
  }

  @Test
  void aMissingSecretKeepsThePodWaitingUntilItIsThere() {
    client.secrets().withName("keys").delete();
    submit("succeed");
    await()
        .atMost(PATIENCE)
        .until(
            () ->
                pods().stream()
                    .flatMap(pod -> pod.getStatus().getContainerStatuses().stream())
                    .anyMatch(
                        container ->
                            container.getState().getWaiting() != null
                                && container
                                    .getState()
                                    .getWaiting()
                                    .getMessage()
                                    .equals("secret \"keys\" not found")));
    client
        .resource(
            new SecretBuilder()
                .withNewMetadata()
                .withName("keys")
                .endMetadata()
                .addToStringData("AWS_ACCESS_KEY_ID", "later")
                .build())
        .create();
    awaitCondition("Complete");
    assertThat(output).anyMatch(line -> line.contains("key later"));
  }

  @Test
  void jobsOfOthersAreLeftAlone() {
    Job foreign = template("succeed");
    foreign.getMetadata().setLabels(Map.of("app.kubernetes.io/managed-by", "somebody"));
    client.resource(foreign).create();
    Job ours = template("succeed");
    ours.getMetadata().setName("job-2");
    client.resource(ours).create();
    await()
        .atMost(PATIENCE)
        .until(() -> JobStep.isFinished(client.batch().v1().jobs().withName("job-2").get()));
    assertThat(job().getStatus() == null || job().getStatus().getStartTime() == null).isTrue();
  }

  @Test
  void closingStopsEveryProcess() {
    submit("run");
    long pid = runner.pid(awaitRunning(p -> true)).orElseThrow();
    runner.close();
    assertThat(ProcessHandle.of(pid).filter(ProcessHandle::isAlive)).isEmpty();
    assertThat(Files.exists(folder.resolve("pods"))).isTrue();
  }

  private void submit(String mode) {
    client.resource(template(mode)).create();
  }

  private static Job withGrace(Job job, long seconds) {
    job.getSpec().getTemplate().getSpec().setTerminationGracePeriodSeconds(seconds);
    return job;
  }

  private static Job template(String mode) {
    Map<String, String> labels = Map.of("app.kubernetes.io/managed-by", "finetune-operator");
    return new JobBuilder()
        .withNewMetadata()
        .withName("job-1")
        .withLabels(labels)
        .endMetadata()
        .withNewSpec()
        .withBackoffLimit(0)
        .withPodReplacementPolicy("Failed")
        .withNewPodFailurePolicy()
        .addNewRule()
        .withAction("Ignore")
        .addNewOnPodCondition("True", "DisruptionTarget")
        .endRule()
        .addNewRule()
        .withAction("Ignore")
        .withNewOnExitCodes()
        .withContainerName("trainer")
        .withOperator("In")
        .withValues(75)
        .endOnExitCodes()
        .endRule()
        .addNewRule()
        .withAction("FailJob")
        .withNewOnExitCodes()
        .withContainerName("trainer")
        .withOperator("NotIn")
        .withValues(75)
        .endOnExitCodes()
        .endRule()
        .endPodFailurePolicy()
        .withNewTemplate()
        .withNewMetadata()
        .withLabels(labels)
        .endMetadata()
        .withNewSpec()
        .withRestartPolicy("Never")
        .addNewContainer()
        .withName("trainer")
        .withArgs(mode, "/etc/finetune/job.yaml")
        .withTerminationMessagePolicy("FallbackToLogsOnError")
        .addNewEnv()
        .withName("FINETUNE_WORK")
        .withValue("/work")
        .endEnv()
        .addNewEnv()
        .withName("AWS_ACCESS_KEY_ID")
        .withNewValueFrom()
        .withNewSecretKeyRef("AWS_ACCESS_KEY_ID", "keys", false)
        .endValueFrom()
        .endEnv()
        .addNewEnv()
        .withName("POD")
        .withNewValueFrom()
        .withNewFieldRef("v1", "metadata.name")
        .endValueFrom()
        .endEnv()
        .addNewVolumeMount()
        .withName("config")
        .withMountPath("/etc/finetune")
        .endVolumeMount()
        .addNewVolumeMount()
        .withName("work")
        .withMountPath("/work")
        .endVolumeMount()
        .endContainer()
        .addNewVolume()
        .withName("config")
        .withNewConfigMap()
        .withName("job-1")
        .endConfigMap()
        .endVolume()
        .addNewVolume()
        .withName("work")
        .withNewEmptyDir()
        .endEmptyDir()
        .endVolume()
        .endSpec()
        .endTemplate()
        .endSpec()
        .build();
  }

  private void suspend(boolean suspended) {
    client
        .batch()
        .v1()
        .jobs()
        .withName("job-1")
        .edit(job -> new JobBuilder(job).editSpec().withSuspend(suspended).endSpec().build());
  }

  private void kill(Pod pod) {
    OptionalLong pid = runner.pid(pod);
    assertThat(ProcessHandle.of(pid.orElseThrow()).orElseThrow().destroyForcibly()).isTrue();
  }

  private Job job() {
    return client.batch().v1().jobs().withName("job-1").get();
  }

  private List<Pod> pods() {
    return client.pods().list().getItems();
  }

  private Pod awaitRunning(Predicate<Pod> wanted) {
    return await()
        .atMost(PATIENCE)
        .until(
            () ->
                pods().stream()
                    .filter(pod -> JobStep.phase(pod).equals("Running"))
                    .filter(pod -> !JobStep.isTerminating(pod))
                    .filter(wanted)
                    .findFirst()
                    .orElse(null),
            pod -> pod != null);
  }

  private void awaitPrinted(String text) {
    await().atMost(PATIENCE).until(() -> output.stream().anyMatch(line -> line.contains(text)));
  }

  private JobStatus awaitCondition(String type) {
    await().atMost(PATIENCE).until(() -> JobStep.condition(job(), type).isPresent());
    return job().getStatus();
  }

  private static String name(Pod pod) {
    return pod.getMetadata().getName();
  }

  private static ContainerStateTerminated terminated(Pod pod) {
    return pod.getStatus().getContainerStatuses().getFirst().getState().getTerminated();
  }
}
