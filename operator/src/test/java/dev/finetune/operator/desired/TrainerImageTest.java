package dev.finetune.operator.desired;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.operator.Settings;
import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.config.OperatorConfig;
import io.fabric8.kubernetes.client.utils.KubernetesSerialization;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

class TrainerImageTest {
  private static final Path CASES = Path.of("src/test/resources/desired");

  private final OperatorConfig.Trainer both =
      Settings.with(Map.of("trainer.gpu-image", "registry.example/trainer-cuda:1.0")).trainer();

  @Test
  void aJobThatAsksForAGpuGetsTheImageForGpus() throws IOException {
    assertThat(TrainerImage.of(job("full-qlora-gpu").getSpec(), both))
        .isEqualTo("registry.example/trainer-cuda:1.0");
  }

  @Test
  void aJobThatAsksForNoneGetsTheOther() throws IOException {
    assertThat(TrainerImage.of(job("minimal-lora").getSpec(), both))
        .isEqualTo("registry.example/trainer:1.0");
  }

  @Test
  void thereNeedBeNoImageForGpus() throws IOException {
    assertThat(TrainerImage.of(job("full-qlora-gpu").getSpec(), Settings.defaults().trainer()))
        .isEqualTo("registry.example/trainer:1.0");
  }

  private static FineTuneJob job(String name) throws IOException {
    return new KubernetesSerialization()
        .unmarshal(
            Files.readString(CASES.resolve(name).resolve("in-FineTuneJob.yaml")),
            FineTuneJob.class);
  }
}
