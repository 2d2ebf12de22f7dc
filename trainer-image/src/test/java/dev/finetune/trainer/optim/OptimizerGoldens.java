package dev.finetune.trainer.optim;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.finetune.trainer.goldens.GoldenTensors;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/** Reference numbers of optimizers, which {@code goldens-scripts/make_optimizers.py} writes. */
final class OptimizerGoldens {
  private static final Path FOLDER = Path.of("src/test/resources/optimizers");

  private OptimizerGoldens() {}

  static JsonNode json(String name) {
    try {
      return new ObjectMapper().readTree(FOLDER.resolve(name).toFile());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  static GoldenTensors tensors(String name) {
    return new GoldenTensors(FOLDER.resolve(name + ".safetensors"));
  }
}
