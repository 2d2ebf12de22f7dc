package dev.finetune.operator.desired;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.operator.Settings;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import io.fabric8.kubernetes.api.model.ConfigMap;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Every folder of {@code src/test/resources/desired} is a case: a FineTuneJob, and the objects that
 * come of it. After a wanted change, {@code mvn test -pl operator -am -Dtest=GoldenCasesTest
 * -Dsurefire.failIfNoSpecifiedTests=false -Dgolden.update=true} writes the files anew; the
 * difference is then read like any other.
 */
class GoldenCasesTest {
  private static final Path CASES = Path.of("src/test/resources/desired");
  private static final String IN = "in-FineTuneJob.yaml";
  private static final String JOB = "out-Job.yaml";
  private static final String CONFIG_MAP = "out-ConfigMap.yaml";
  private static final int NUMBER = 3;

  private final KubernetesSerialization serialization = new KubernetesSerialization();
  private final OperatorConfig.Trainer config =
      Settings.with(
              Map.of(
                  "trainer.work-size-limit", "20Gi",
                  "trainer.gpu-image", "registry.example/trainer-cuda:1.0"))
          .trainer();

  @TestFactory
  List<DynamicTest> makesTheObjectsOfEveryCase() throws IOException {
    List<DynamicTest> tests = new ArrayList<>();
    try (Stream<Path> cases = Files.list(CASES)) {
      for (Path folder : cases.sorted().toList()) {
        tests.add(DynamicTest.dynamicTest(folder.getFileName().toString(), () -> check(folder)));
      }
    }
    assertThat(tests).hasSizeGreaterThanOrEqualTo(6);
    return tests;
  }

  private void check(Path folder) throws IOException {
    FineTuneJob job =
        serialization.unmarshal(Files.readString(folder.resolve(IN)), FineTuneJob.class);
    compare(folder.resolve(JOB), TrainerJob.of(job, NUMBER, attempt(folder), config));
    ConfigMap configMap = JobConfigMap.of(job, NUMBER);
    compare(folder.resolve(CONFIG_MAP), configMap);
    assertThat(FineTuneJobFile.parse(configMap.getData().get(JobConfigMap.KEY)).spec())
        .as("what the trainer reads")
        .isEqualTo(job.getSpec());
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .as("files that no test reads")
          .containsExactlyInAnyOrder(IN, JOB, CONFIG_MAP);
    }
  }

  /** A folder that says so is that of an attempt after two that ran out of memory. */
  private AttemptSettings attempt(Path folder) {
    return folder.getFileName().toString().contains("after-out-of-memory")
        ? new AttemptSettings(Duration.ofSeconds(250), 4)
        : AttemptSettings.first(config);
  }

  private void compare(Path file, Object actual) throws IOException {
    String yaml = serialization.asYaml(actual);
    if (Boolean.getBoolean("golden.update")) {
      Files.writeString(file, yaml);
    }
    assertThat(yaml).isEqualTo(Files.readString(file));
  }
}
