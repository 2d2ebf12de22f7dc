package dev.finetune.trainer.recipe;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.recipe.TrainingJobs.Ended;
import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PlanCommandTest {
  @TempDir private Path folder;
  private TrainingJobs jobs;

  @BeforeEach
  void makeJobs() {
    jobs = new TrainingJobs(folder);
  }

  @Test
  void printsEveryAllocationAndThePeak() throws IOException {
    Ended ended = plan("--job", jobs.write(jobs.yaml()).toString());
    assertThat(ended.error()).isEmpty();
    assertThat(ended.status()).isZero();
    assertThat(ended.output())
        .contains("Micro-batches of up to 2048 tokens, blocks remembered.")
        .contains("linear layers, NF4", "absmax, 8 bits", "embedding", "adapter: gradients")
        .contains("optimizer: ADAM_W state", "tape: records of blocks", "Java: heap")
        .containsPattern("Memory: \\d+ MiB at the peak of [a-z]+");
  }

  @Test
  void predictsForAModelOfWhichOnlyTheConfigurationIsThere() throws IOException {
    Ended ended =
        plan(
            "--job",
            jobs.write(jobs.yaml("uri: file:", "uri: file:/nowhere")).toString(),
            "--config",
            "../examples/plans/llama-3.1-70b.config.json",
            "--memory",
            "96Gi");
    assertThat(ended.error()).isEmpty();
    assertThat(ended.status()).isZero();
    assertThat(ended.output()).contains("--memory is 96.0 GiB");
  }

  @Test
  void endsWith44WhereNothingFits() throws IOException {
    Ended ended =
        plan(
            "--job",
            jobs.write(jobs.yaml()).toString(),
            "--config",
            "../examples/plans/llama-3.1-8b.config.json",
            "--memory",
            "1Gi");
    assertThat(ended.status()).isEqualTo(ExitCode.PLAN_DOES_NOT_FIT.code());
    assertThat(ended.error()).startsWith("trainer: the run needs ").contains("use a smaller model");
  }

  @Test
  void plansForAGpuThatIsNotHere() throws IOException {
    Ended ended =
        plan(
            "--job",
            jobs.write(jobs.yaml("precision: fp32", "precision: auto")).toString(),
            "--config",
            "../examples/plans/llama-3.1-8b.config.json",
            "--gpu-memory",
            "24Gi",
            "--memory",
            "8Gi");
    assertThat(ended.error()).isEmpty();
    assertThat(ended.status()).isZero();
    assertThat(ended.output())
        .contains("CUDA: context and kernels (estimate)", "lost by the allocator (estimate)")
        .contains("adapter: parameters in BF16")
        .containsSubsequence("On the host", "Java: heap", "CUDA and its libraries (estimate)")
        .contains("--gpu-memory is 24.0 GiB");
  }

  @Test
  void endsWith44WhereGpuOrHostIsTooSmall() throws IOException {
    String job = jobs.write(jobs.yaml()).toString();
    String config = "../examples/plans/llama-3.1-8b.config.json";
    Ended gpu = plan("--job", job, "--config", config, "--gpu-memory", "4Gi", "--memory", "8Gi");
    assertThat(gpu.status()).isEqualTo(ExitCode.PLAN_DOES_NOT_FIT.code());
    assertThat(gpu.error()).contains("--gpu-memory is 4096 MiB");
    Ended host = plan("--job", job, "--config", config, "--gpu-memory", "80Gi", "--memory", "1Gi");
    assertThat(host.status()).isEqualTo(ExitCode.PLAN_DOES_NOT_FIT.code());
    assertThat(host.error())
        .startsWith("trainer: the process needs ")
        .contains("beside the GPU, --memory is 1024 MiB");
  }

  @Test
  void refusesASizeThatIsNone() throws IOException {
    Ended ended = plan("--job", jobs.write(jobs.yaml()).toString(), "--memory", "much");
    assertThat(ended.status()).isEqualTo(ExitCode.INVALID.code());
    assertThat(ended.error()).isEqualTo("trainer: --memory: must be a size such as 16Gi, was much");
  }

  private static Ended plan(String... arguments) {
    String[] all = new String[arguments.length + 1];
    all[0] = "plan";
    System.arraycopy(arguments, 0, all, 1, arguments.length);
    return TrainingJobs.command(new StopRequest(false), all);
  }
}
