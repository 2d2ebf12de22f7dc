package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.spec.Precision;
import dev.finetune.trainer.engine.ComputeDevice;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Gpu;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.plan.MemoryLimit;
import dev.finetune.trainer.recipe.TrainingJobs.Ended;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ComputeTest {
  private static final Gpu AMPERE = new Gpu(24L << 30, 8, 6);
  private static final Gpu TURING = new Gpu(16L << 30, 7, 5);

  @TempDir private Path folder;

  @Test
  void autoTakesAGpuIfThereIsOne() {
    assertThat(Compute.of(DeviceChoice.AUTO, Optional::empty).device())
        .isEqualTo(ComputeDevice.CPU);
    assertThat(Compute.of(DeviceChoice.AUTO, () -> Optional.of(AMPERE)).device())
        .isEqualTo(ComputeDevice.CUDA);
  }

  @Test
  void processorsNeedNoLookForAGpu() {
    Compute compute =
        Compute.of(
            DeviceChoice.CPU,
            () -> {
              throw new AssertionError("nobody asked for a GPU");
            });
    assertThat(compute.device()).isEqualTo(ComputeDevice.CPU);
    assertThat(compute.memoryLimit()).isEqualTo(MemoryLimit.ofProcess());
  }

  @Test
  void refusesAGpuThatIsNotThere() {
    assertThatThrownBy(() -> Compute.of(DeviceChoice.CUDA, Optional::empty))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageStartingWith("device cuda: expected libtorch for CUDA");
  }

  @Test
  void theCommandLineEndsWith42WhereNoGpuIs() throws IOException {
    TrainingJobs jobs = new TrainingJobs(folder);
    Ended ended = TrainingJobs.run(jobs.write(jobs.yaml()), "--device", "cuda");
    assertThat(ended.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(ended.error()).startsWith("trainer: device cuda: expected libtorch for CUDA");
    assertThat(TrainingJobs.run(jobs.write(jobs.yaml()), "--device", "tpu").error())
        .isEqualTo("trainer: --device: must be auto, cpu or cuda, was tpu");
  }

  @Test
  void theVariableStandsInForTheOption() {
    assertThat(new Environment(Map.of()).device()).isEqualTo(DeviceChoice.AUTO);
    assertThat(new Environment(Map.of("FINETUNE_DEVICE", "cuda")).device())
        .isEqualTo(DeviceChoice.CUDA);
    assertThatThrownBy(() -> new Environment(Map.of("FINETUNE_DEVICE", "gpu")).device())
        .hasMessage("FINETUNE_DEVICE: must be auto, cpu or cuda, was gpu");
  }

  @Test
  void choosesThePrecisionThatTheGpuHasInstructionsFor() {
    assertThat(new Compute(AMPERE).precision(Precision.AUTO)).isEqualTo("bf16");
    assertThat(new Compute(TURING).precision(Precision.AUTO)).isEqualTo("fp32");
    assertThat(new Compute(AMPERE).precision(Precision.FP32)).isEqualTo("fp32");
    assertThatThrownBy(() -> new Compute(TURING).start(1, ElementType.BF16))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessage(
            "precision bf16: needs a GPU of compute capability 8.0 or newer, this one has 7.5");
  }

  @Test
  void plansForTheMemoryOfTheGpu() {
    MemoryLimit limit = new Compute(AMPERE).memoryLimit();
    assertThat(limit.bytes()).isEqualTo(24L << 30);
    assertThat(limit.place()).isEqualTo(MemoryLimit.Place.GPU);
  }
}
