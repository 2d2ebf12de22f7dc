package dev.finetune.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import dev.finetune.operator.api.FineTuneJob;
import io.fabric8.crdv2.generator.CRDGenerator;
import io.fabric8.kubernetes.api.model.GenericKubernetesResource;
import io.fabric8.kubernetes.api.model.Secret;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The stack without its operator: what a job and a user find there. */
class LocalStackTest {
  private static final Path DEFINITIONS = Path.of("target/test-crds");

  private static final String JOB =
      """
      apiVersion: finetune.dev/v1alpha1
      kind: FineTuneJob
      metadata: { name: small }
      spec:
        model: { uri: s3://finetune/models/base.gguf }
        dataset: { train: s3://finetune/data/rows.jsonl, eval: s3://finetune/data/held-out.jsonl }
        storage: { uri: s3://finetune/runs, secretRef: { name: finetune-storage } }
      """;

  @TempDir Path folder;
  private LocalStack stack;

  @BeforeAll
  static void generate() throws Exception {
    Files.createDirectories(DEFINITIONS);
    new CRDGenerator()
        .customResourceClasses(FineTuneJob.class)
        .inOutputDir(DEFINITIONS.toFile())
        .generate();
  }

  @BeforeEach
  void start() throws Exception {
    stack =
        LocalStack.start(
            new LocalStackOptions(
                DEFINITIONS, Path.of("/bin/true"), folder.resolve("state"), 0, line -> {}));
  }

  @AfterEach
  void stop() {
    stack.close();
  }

  @Test
  void theKubeconfigAndTheSecretLeadToTheStores() throws Exception {
    Config config = Config.fromKubeconfig(Files.readString(stack.kubeconfig()));
    try (var client = new KubernetesClientBuilder().withConfig(config).build()) {
      Secret secret = client.secrets().inNamespace("default").withName(LocalStack.SECRET).get();
      assertThat(secret.getData()).containsKeys("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY");
    }
  }

  @Test
  void theFilesOfAnExampleGoWhereItsJobExpectsThem() throws Exception {
    Path job = Files.writeString(folder.resolve("job.yaml"), JOB);
    Files.createDirectories(folder.resolve("data"));
    Files.writeString(folder.resolve("data/rows.jsonl"), "rows");
    Files.writeString(folder.resolve("data/held-out.jsonl"), "held out");
    Path model = Files.writeString(folder.resolve("other-name.gguf"), "weights");
    try (LocalObjects objects = new LocalObjects(stack.objectStore())) {
      List<String> done = new ExampleFiles(job).upload(objects, model);
      assertThat(done)
          .containsExactly(
              "other-name.gguf -> s3://finetune/models/base.gguf",
              "rows.jsonl -> s3://finetune/data/rows.jsonl",
              "held-out.jsonl -> s3://finetune/data/held-out.jsonl");
      assertThat(objects.download("s3://finetune/data", folder.resolve("back"))).isEqualTo(2);
    }
    assertThat(folder.resolve("back/rows.jsonl")).hasContent("rows");
    assertThat(folder.resolve("back/held-out.jsonl")).hasContent("held out");
  }

  @Test
  void theTableHasTheColumnsOfTheDefinition() throws Exception {
    stack
        .client()
        .resource(
            stack
                .client()
                .getKubernetesSerialization()
                .unmarshal(JOB, GenericKubernetesResource.class))
        .create();
    String table =
        ResourceTable.fetch(
            stack
                .apiServer()
                .resolve("/apis/finetune.dev/v1alpha1/namespaces/default/finetunejobs"));
    assertThat(table.lines().findFirst().orElseThrow().split(" +"))
        .contains("NAME", "PHASE", "MODEL", "METHOD", "STEP", "LOSS", "TOK/S", "ETA", "REASON");
    assertThat(table.lines().skip(1).findFirst().orElseThrow()).startsWith("small");
  }

  @Test
  void objectsOutliveTheStack() throws Exception {
    Path file = Files.writeString(folder.resolve("a"), "kept");
    try (LocalObjects objects = new LocalObjects(stack.objectStore())) {
      objects.upload(file, "s3://finetune/a/b");
    }
    stack.close();
    start();
    try (LocalObjects objects = new LocalObjects(stack.objectStore())) {
      assertThat(objects.download("s3://finetune/a", folder.resolve("back"))).isEqualTo(1);
    }
    assertThat(folder.resolve("back/b")).hasContent("kept");
    assertThat(stack.client().secrets().withName(LocalStack.SECRET).get()).isNotNull();
  }

  @Test
  void closingTwiceIsOnce() {
    stack.close();
    stack.close();
    await().until(() -> !isListening());
  }

  private boolean isListening() {
    try (var socket = new java.net.Socket("127.0.0.1", stack.apiServer().getPort())) {
      return socket.isConnected();
    } catch (java.io.IOException _) {
      return false;
    }
  }
}
