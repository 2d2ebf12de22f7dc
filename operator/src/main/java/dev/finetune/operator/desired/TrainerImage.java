package dev.finetune.operator.desired;

import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.operator.config.OperatorConfig;

/**
 * Which image trains: one for GPUs where a GPU is asked for and the operator knows such an image.
 */
final class TrainerImage {
  /** What device plugins call GPUs, after the name of the vendor: nvidia.com/gpu. */
  private static final String GPU = "/gpu";

  private TrainerImage() {}

  static String of(FineTuneJobSpec spec, OperatorConfig.Trainer config) {
    boolean gpu =
        spec.resources() != null
            && spec.resources().limits() != null
            && spec.resources().limits().keySet().stream().anyMatch(name -> name.endsWith(GPU));
    return gpu ? config.gpuImage().orElse(config.image()) : config.image();
  }
}
