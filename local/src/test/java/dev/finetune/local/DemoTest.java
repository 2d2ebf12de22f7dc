package dev.finetune.local;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import dev.finetune.operator.progress.S3RunChanges;
import dev.finetune.operator.progress.S3RunReader;
import dev.finetune.operator.reconcile.FineTuneJobReconciler;
import io.fabric8.crdv2.generator.CRDGenerator;
import io.javaoperatorsdk.operator.Operator;
import io.smallrye.config.SmallRyeConfigBuilder;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The demo with the real operator and runner, and a trainer that only pretends. */
class DemoTest {
  private static final String ENDPOINT = "aws.endpointUrlS3";

  @TempDir Path folder;
  private final ByteArrayOutputStream printed = new ByteArrayOutputStream();
  private LocalStack stack;
  private S3RunReader reader;
  private S3RunChanges changes;
  private Operator operator;
  private Path launcher;

  @BeforeEach
  void start() throws Exception {
    Path definitions = Files.createDirectories(Path.of("target/test-crds"));
    new CRDGenerator()
        .customResourceClasses(FineTuneJob.class)
        .inOutputDir(definitions.toFile())
        .generate();
    launcher = folder.resolve("trainer");
    stack =
        LocalStack.start(
            new LocalStackOptions(
                definitions, launcher, folder.resolve("state"), 0, System.out::println));
    System.setProperty(ENDPOINT, stack.operatorProperties().get(ENDPOINT));
    OperatorConfig config = config();
    reader = new S3RunReader(stack.client(), config.storage(), Clock.systemUTC());
    operator =
        new Operator(
            settings ->
                settings
                    .withKubernetesClient(stack.client())
                    .checkingCRDAndValidateLocalModel(false)
                    .withCloseClientOnStop(false));
    changes = new S3RunChanges(stack.client(), config.storage(), Clock.systemUTC());
    operator.register(
        new FineTuneJobReconciler(stack.client(), reader, changes, config, Clock.systemUTC()));
    operator.start();
  }

  @AfterEach
  void stop() {
    operator.stop();
    reader.close();
    changes.close();
    stack.close();
    System.clearProperty(ENDPOINT);
  }

  @Test
  void killsTheTrainerOnceAndShowsThatItResumes() throws Exception {
    launch("exec '%s/bin/java' -cp '%s' dev.finetune.local.FakeTrainer \"$@\"");
    demo().run();
    assertThat(printed.toString(StandardCharsets.UTF_8))
        .contains(
            "Killing the trainer now",
            "The trainer was killed once and went on from step",
            "$ kubectl get finetunejobs -o wide",
            "Complete",
            "Held-out loss: 2.5",
            "Without the adapter:\nplain answer",
            "With the adapter:\nanswer of step 12");
    assertThat(folder.resolve("adapter/weights")).hasContent("step 12");
    assertThat(stack.client().batch().v1().jobs().list().getItems()).hasSize(2);
  }

  @Test
  void aJobThatFailsFailsTheDemoWithItsReason() throws Exception {
    launch("echo 'spec.model.uri: no such model' >&2; exit 42 # %s %s");
    assertThatThrownBy(() -> demo().run())
        .isInstanceOf(DemoFailed.class)
        .hasMessageContaining("InvalidInput")
        .hasMessageContaining("spec.model.uri: no such model");
  }

  private void launch(String command) throws Exception {
    Files.writeString(
        launcher,
        "#!/bin/sh\n"
            + command.formatted(
                System.getProperty("java.home"), System.getProperty("java.class.path")));
    assertThat(launcher.toFile().setExecutable(true)).isTrue();
  }

  private Demo demo() throws Exception {
    Path job =
        Files.writeString(
            folder.resolve("job.yaml"),
            """
            apiVersion: finetune.dev/v1alpha1
            kind: FineTuneJob
            metadata: { name: small }
            spec:
              model: { uri: s3://finetune/models/base.gguf }
              dataset: { train: s3://finetune/data/rows.jsonl }
              training: { maxSteps: 12 }
              storage: { uri: s3://finetune/runs, secretRef: { name: finetune-storage } }
            """);
    Files.createDirectories(folder.resolve("data"));
    Files.writeString(folder.resolve("data/rows.jsonl"), "rows");
    Path model = Files.writeString(folder.resolve("base.gguf"), "weights");
    return new Demo(
        stack,
        new DemoOptions(
            job, model, launcher, folder.resolve("adapter"), "Why?", Duration.ofMinutes(2)),
        new PrintStream(printed, true, StandardCharsets.UTF_8));
  }

  private static OperatorConfig config() {
    SmallRyeConfigBuilder builder = new SmallRyeConfigBuilder().withMapping(OperatorConfig.class);
    Map.of(
            "trainer.image", "none",
            "polling.interval", "PT0.2S",
            "polling.idle-interval", "PT0.5S",
            "polling.progress-write-interval", "PT0.2S",
            "retry.initial-back-off", "PT0.5S",
            "storage.allow-loopback", "true")
        .forEach((name, value) -> builder.withDefaultValue("finetune.operator." + name, value));
    return builder.build().getConfigMapping(OperatorConfig.class);
  }
}
