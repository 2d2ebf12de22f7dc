package dev.finetune.trainer.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Optional;

/** The GPU of tests; without one they are skipped, or fail where one is required. */
public final class Gpus {
  private static Engine engine;

  private Gpus() {}

  /** Skips the test that calls it where no GPU is; with {@code -Dgpu.required=true} it fails. */
  public static Gpu require() {
    Optional<Gpu> gpu = Engine.findGpu();
    if (Boolean.getBoolean("gpu.required")) {
      assertThat(gpu).as("a GPU for tests").isPresent();
    }
    assumeTrue(gpu.isPresent(), "no GPU is here");
    return gpu.orElseThrow();
  }

  /** Returns the one engine of the test process that computes on the GPU. */
  public static synchronized Engine engine() {
    require();
    if (engine == null) {
      engine = Engine.start(2, ComputeDevice.CUDA);
    }
    return engine;
  }
}
