package dev.finetune.trainer.checkpoint;

import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.weights.SafetensorsReader;
import dev.finetune.trainer.weights.SafetensorsWriter;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.SequencedMap;

/** {@code adapter_model.safetensors} as PEFT names and shapes its tensors. */
public final class AdapterFiles {
  /** Name of the file with the matrices. */
  public static final String WEIGHTS = "adapter_model.safetensors";

  /** Name of the file with the configuration. */
  public static final String CONFIG = "adapter_config.json";

  private static final String PREFIX = "base_model.model.";

  private AdapterFiles() {}

  /** Writes matrices whose names lack PEFT's prefix. */
  public static void write(Path file, SequencedMap<String, LoraAdapter.Matrix> tensors) {
    SafetensorsWriter writer = new SafetensorsWriter();
    tensors.forEach(
        (name, matrix) ->
            writer.add(PREFIX + name, matrix.shape(), FloatBuffer.wrap(matrix.values())));
    writer.write(file);
  }

  /**
   * Reads the matrices of an adapter, which must be those of the wanted shapes and no others.
   *
   * @param wanted matrices by name without PEFT's prefix; only their shapes count
   * @throws UnreadableData if one is missing, of another shape, or too many
   */
  public static Map<String, float[]> read(
      Path file, SequencedMap<String, LoraAdapter.Matrix> wanted) {
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      Map<String, float[]> tensors = new HashMap<>();
      wanted.forEach(
          (name, matrix) -> tensors.put(name, tensor(file, reader, PREFIX + name, matrix.shape())));
      for (String name : reader.names()) {
        if (!name.startsWith(PREFIX) || !tensors.containsKey(name.substring(PREFIX.length()))) {
          throw new UnreadableData(file + ": tensor " + name + " is not of this adapter");
        }
      }
      return tensors;
    }
  }

  private static float[] tensor(Path file, SafetensorsReader reader, String name, long[] shape) {
    if (!reader.names().contains(name)) {
      throw new UnreadableData(file + ": expected tensor " + name + ", found none");
    }
    if (!Arrays.equals(reader.shape(name), shape)) {
      throw new UnreadableData(
          "%s: expected %s of shape %s, found %s"
              .formatted(file, name, Arrays.toString(shape), Arrays.toString(reader.shape(name))));
    }
    long elements = Arrays.stream(shape).reduce(1, Math::multiplyExact);
    float[] values = new float[Math.toIntExact(elements)];
    reader.read(name, FloatBuffer.wrap(values));
    return values;
  }
}
