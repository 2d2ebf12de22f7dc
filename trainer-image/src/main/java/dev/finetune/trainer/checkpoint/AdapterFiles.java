package dev.finetune.trainer.checkpoint;

import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.ParameterSection;
import dev.finetune.trainer.weights.ElementType;
import dev.finetune.trainer.weights.SafetensorsReader;
import dev.finetune.trainer.weights.SafetensorsWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;

/** {@code adapter_model.safetensors} as PEFT names and shapes its tensors. */
public final class AdapterFiles {
  /** Name of the file with the matrices. */
  public static final String WEIGHTS = "adapter_model.safetensors";

  /** Name of the file with the configuration. */
  public static final String CONFIG = "adapter_config.json";

  private static final String PREFIX = "base_model.model.";

  private AdapterFiles() {}

  /**
   * Writes the matrices of an adapter straight from the memory that they lie in, without waiting
   * for the disk.
   */
  public static void write(Path file, LoraAdapter adapter) {
    SafetensorsWriter writer = new SafetensorsWriter();
    adapter
        .contents()
        .forEach(
            (section, values) ->
                writer.add(PREFIX + section.name(), ElementType.F32, section.shape(), values));
    writer.overwrite(file);
  }

  /**
   * Overwrites the matrices of an adapter with those of a file, which must be of the same shapes
   * and no others. Nothing is changed unless all of them are.
   *
   * @throws UnreadableData if one is missing, of another shape, or too many
   */
  public static void restore(Path file, LoraAdapter adapter) {
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      Set<String> wanted = new HashSet<>();
      for (ParameterSection section : adapter.sections()) {
        check(file, reader, PREFIX + section.name(), section.shape());
        wanted.add(PREFIX + section.name());
      }
      for (String name : reader.names()) {
        if (!wanted.contains(name)) {
          throw new UnreadableData(file + ": tensor " + name + " is not of this adapter");
        }
      }
      for (ParameterSection section : adapter.sections()) {
        adapter.set(section, reader.readFloats(PREFIX + section.name()));
      }
    }
    adapter.parametersChanged();
  }

  private static void check(Path file, SafetensorsReader reader, String name, long[] shape) {
    if (!reader.names().contains(name)) {
      throw new UnreadableData(file + ": expected tensor " + name + ", found none");
    }
    if (!Arrays.equals(reader.shape(name), shape)) {
      throw new UnreadableData(
          "%s: expected %s of shape %s, found %s"
              .formatted(file, name, Arrays.toString(shape), Arrays.toString(reader.shape(name))));
    }
  }
}
