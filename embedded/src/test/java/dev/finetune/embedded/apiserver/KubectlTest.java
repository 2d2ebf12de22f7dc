package dev.finetune.embedded.apiserver;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIf;
import org.junit.jupiter.api.io.TempDir;

/** The stock kubectl against the server, where there is one on the path. */
@EnabledIf("kubectlIsThere")
class KubectlTest {
  private static final String EXPERIMENT =
      """
      apiVersion: lab.example/v1
      kind: Experiment
      metadata: { name: first }
      spec: { model: tiny, targets: [q, v] }
      """;

  @TempDir Path folder;
  private EmbeddedApiServer server;

  static boolean kubectlIsThere() {
    for (String entry : System.getenv("PATH").split(":")) {
      if (Files.isExecutable(Path.of(entry, "kubectl"))) {
        return true;
      }
    }
    return false;
  }

  @BeforeEach
  void start() throws Exception {
    server =
        EmbeddedApiServer.start(
            0, Path.of(KubectlTest.class.getResource("/crds/experiments.yaml").toURI()));
    Files.writeString(folder.resolve("config"), server.kubeconfig());
    Files.writeString(folder.resolve("first.yaml"), EXPERIMENT);
  }

  @AfterEach
  void stop() {
    server.close();
  }

  @Test
  void appliesAndPrintsTheColumnsOfTheDefinition() throws Exception {
    assertThat(kubectl("apply", "-f", "first.yaml"))
        .contains("experiment.lab.example/first created");
    assertThat(kubectl("apply", "-f", "first.yaml")).contains("first unchanged");
    assertThat(
            kubectl(
                "patch",
                "exp",
                "first",
                "--subresource=status",
                "--type=merge",
                "-p",
                "{\"status\":{\"phase\":\"Running\",\"reason\":\"Training\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"}]}}"))
        .contains("patched");

    List<String> lines = kubectl("get", "experiments").lines().toList();
    assertThat(lines.getFirst().split(" +"))
        .containsExactly("NAME", "PHASE", "READY", "RANK", "AGE");
    assertThat(lines.get(1).split(" +")).startsWith("first", "Running", "False", "16");
    assertThat(kubectl("get", "experiments", "-o", "wide").lines().findFirst().orElseThrow())
        .contains("REASON");
    assertThat(kubectl("get", "exp", "first", "-o", "yaml")).contains("epochs: 1", "rank: 16");
    assertThat(kubectl("describe", "exp", "first")).contains("Phase:", "Running");
    assertThat(kubectl("explain", "experiments.spec.model")).contains("What is trained.");
  }

  @Test
  void refusesAWrongFileWithThePathOfTheField() throws Exception {
    Files.writeString(
        folder.resolve("wrong.yaml"), EXPERIMENT.replace("model: tiny", "model: tiny, rank: 0"));
    assertThat(kubectl("apply", "-f", "wrong.yaml"))
        .contains("spec.rank: Invalid value: 0", "greater than or equal to 1");
    Files.writeString(
        folder.resolve("wrong.yaml"), EXPERIMENT.replace("model: tiny", "model: tiny, ranks: 4"));
    assertThat(kubectl("apply", "-f", "wrong.yaml"))
        .contains("strict decoding error: unknown field \"spec.ranks\"");
  }

  @Test
  void appliesOnTheServerPatchesWaitsAndDeletes() throws Exception {
    assertThat(kubectl("apply", "--server-side", "-f", "first.yaml"))
        .contains("serverside-applied");
    assertThat(
            kubectl("patch", "exp", "first", "--type=merge", "-p", "{\"spec\":{\"suspend\":true}}"))
        .contains("patched");
    assertThat(
            kubectl("get", "exp", "first", "-o", "jsonpath={.spec.suspend},{.metadata.generation}"))
        .isEqualTo("true,2");
    assertThat(kubectl("wait", "exp/first", "--for=jsonpath={.spec.suspend}=true", "--timeout=5s"))
        .contains("condition met");
    assertThat(kubectl("delete", "exp", "first", "--timeout=10s")).contains("deleted");
    assertThat(kubectl("get", "exp")).contains("No resources found");
  }

  @Test
  void appliesBuiltInObjects() throws Exception {
    Files.writeString(
        folder.resolve("more.yaml"),
        """
        apiVersion: v1
        kind: Secret
        metadata: { name: keys }
        stringData: { a: b }
        ---
        apiVersion: batch/v1
        kind: Job
        metadata: { name: once }
        spec:
          template:
            spec: { restartPolicy: Never, containers: [{ name: a, image: x }] }
        """);
    assertThat(kubectl("apply", "-f", "more.yaml"))
        .contains("secret/keys created", "job.batch/once created");
    assertThat(kubectl("apply", "-f", "more.yaml"))
        .contains("secret/keys configured", "job.batch/once unchanged");
    assertThat(kubectl("get", "secret", "keys", "-o", "jsonpath={.data.a}")).isEqualTo("Yg==");
    assertThat(kubectl("get", "jobs")).contains("once", "0/1");
    assertThat(kubectl("api-resources")).contains("experiments", "exp");
    assertThat(kubectl("version")).contains("Server Version: v1.34.0");
  }

  @Test
  @Timeout(120)
  void followsChanges() throws Exception {
    Process watch = start("get", "exp", "-w");
    try (var lines = watch.inputReader()) {
      kubectl("apply", "-f", "first.yaml");
      assertThat(lines.readLine()).startsWith("NAME");
      assertThat(lines.readLine()).startsWith("first");
      kubectl(
          "patch",
          "exp",
          "first",
          "--subresource=status",
          "--type=merge",
          "-p",
          "{\"status\":{\"phase\":\"Complete\"}}");
      assertThat(lines.readLine()).contains("Complete");
    } finally {
      watch.destroyForcibly().waitFor();
    }
  }

  private String kubectl(String... arguments) throws Exception {
    Process process = start(arguments);
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(30, TimeUnit.SECONDS)).isTrue();
    return output;
  }

  private Process start(String... arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("kubectl"));
    command.addAll(List.of(arguments));
    ProcessBuilder builder =
        new ProcessBuilder(command).directory(folder.toFile()).redirectErrorStream(true);
    builder.environment().put("KUBECONFIG", folder.resolve("config").toString());
    builder.environment().put("HOME", folder.toString());
    return builder.start();
  }
}
