package dev.finetune.trainer.recipe;

import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** The option of commands that compute. */
final class DeviceOption {
  @Option(
      names = "--device",
      paramLabel = "auto|cpu|cuda",
      description =
          "Where to compute; auto is a GPU if there is one. Default: the variable FINETUNE_DEVICE,"
              + " or auto.")
  private @Nullable String device;

  /** Returns what was asked for by option or variable. */
  DeviceChoice choice(Map<String, String> variables) {
    return device == null
        ? new Environment(variables).device()
        : DeviceChoice.parse("--device", device);
  }
}
