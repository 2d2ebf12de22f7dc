package dev.finetune.trainer.model;

import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.basemodel.DecoderTensors;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.quant.QuantizedShape;
import dev.finetune.trainer.weights.ElementType;
import dev.finetune.trainer.weights.SafetensorsReader;
import java.nio.file.Path;
import java.util.Map;

/**
 * The linear layers of a model as they were quantized before. All of them are there with the right
 * types and sizes, or the file is refused when it is opened.
 */
final class QuantizedReader implements AutoCloseable {
  private final SafetensorsReader file;

  private QuantizedReader(SafetensorsReader file) {
    this.file = file;
  }

  /**
   * Opens a file. The caller closes the reader.
   *
   * @throws UnreadableData if it is broken or of another model
   */
  static QuantizedReader open(Path path, ModelConfig config, Quantization quantization) {
    SafetensorsReader file = SafetensorsReader.open(path);
    boolean opened = false;
    try {
      require(path, file, config, quantization);
      opened = true;
      return new QuantizedReader(file);
    } finally {
      if (!opened) {
        file.close();
      }
    }
  }

  private static void require(
      Path path, SafetensorsReader file, ModelConfig config, Quantization quantization) {
    for (Map.Entry<String, long[]> weight : DecoderTensors.shapes(config).entrySet()) {
      String name = weight.getKey();
      if (isQuantized(name)) {
        QuantizedShape shape =
            new QuantizedShape(
                weight.getValue()[0], weight.getValue()[1], quantization.blockSize());
        shape
            .bytes(quantization)
            .forEach((part, n) -> require(path, file, name + "." + part, n, ElementType.U8));
        shape
            .floats(quantization)
            .forEach((part, n) -> require(path, file, name + "." + part, n, ElementType.F32));
      }
    }
  }

  /** Returns whether a tensor of a model is the weight of a linear layer of a block. */
  static boolean isQuantized(String name) {
    return (name.startsWith("model.layers.") && name.endsWith("_proj.weight"))
        || (name.startsWith("transformer.h.") && name.matches(".*\\.c_[a-z]+\\.weight"));
  }

  private static void require(
      Path path, SafetensorsReader file, String name, long size, ElementType type) {
    if (!file.names().contains(name)
        || file.type(name) != type
        || file.shape(name).length != 1
        || file.shape(name)[0] != size) {
      throw new UnreadableData(
          "%s: expected a tensor '%s' of %d elements of type %s".formatted(path, name, size, type));
    }
  }

  SafetensorsReader file() {
    return file;
  }

  @Override
  public void close() {
    file.close();
  }
}
