package dev.finetune.trainer.checkpoint;

import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.ParameterSection;
import dev.finetune.trainer.weights.ElementType;
import dev.finetune.trainer.weights.SafetensorsReader;
import dev.finetune.trainer.weights.SafetensorsWriter;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** {@code adapter_model.safetensors} as PEFT names and shapes its tensors. */
public final class AdapterFiles {
  /** Name of the file with the matrices. */
  public static final String WEIGHTS = "adapter_model.safetensors";

  /** Name of the file with the configuration. */
  public static final String CONFIG = "adapter_config.json";

  /** What PEFT puts before the names of the model's modules. */
  public static final String PREFIX = "base_model.model.";

  private static final String SINGLE = "single";
  private static final String DOUBLE = "double";
  private static final Pattern QUANTIZED =
      Pattern.compile("NF4 (\\d{2,4}) (" + SINGLE + "|" + DOUBLE + ")");
  private static final String QUANTIZATION = "finetune.quantization";

  private AdapterFiles() {}

  /** Returns the name that a trained tensor has in files. */
  public static String nameOf(String tensor) {
    return PREFIX + tensor;
  }

  /**
   * Writes the matrices of an adapter straight from the memory that they lie in, without waiting
   * for the disk.
   */
  public static void write(Path file, LoraAdapter adapter) {
    write(file, adapter, null);
  }

  /**
   * Writes the matrices of an adapter as {@link #write(Path, LoraAdapter)} does.
   *
   * @param quantization how the base weights were kept while it was trained, which PEFT's
   *     configuration has no place for; or null
   */
  public static void write(Path file, LoraAdapter adapter, @Nullable Quantization quantization) {
    SafetensorsWriter writer = new SafetensorsWriter();
    if (quantization != null) {
      writer.metadata(
          QUANTIZATION,
          "%s %d %s"
              .formatted(
                  quantization.type(),
                  quantization.blockSize(),
                  quantization.doubleQuantization() ? DOUBLE : SINGLE));
    }
    adapter
        .contents()
        .forEach(
            (section, values) ->
                writer.add(PREFIX + section.name(), ElementType.F32, section.shape(), values));
    writer.overwrite(file);
  }

  /**
   * Returns how the base weights were kept while an adapter was trained, if its file says so.
   *
   * @throws UnreadableData if the file is missing, broken, or says it in words that are not known
   */
  public static Optional<Quantization> quantization(Path file) {
    try (SafetensorsReader reader = SafetensorsReader.open(file)) {
      String text = reader.metadata().get(QUANTIZATION);
      if (text == null) {
        return Optional.empty();
      }
      Matcher words = QUANTIZED.matcher(text);
      if (!words.matches()) {
        throw new UnreadableData(
            "%s: metadata '%s': expected words like 'NF4 64 single', found '%s'"
                .formatted(file, QUANTIZATION, text));
      }
      return Optional.of(
          new Quantization(
              QuantizationType.NF4,
              Integer.parseInt(words.group(1)),
              words.group(2).equals(DOUBLE)));
    }
  }

  /**
   * Opens the matrices of an adapter; the caller closes the reader.
   *
   * @param sections what it must have, and nothing else
   * @throws UnreadableData if one is missing, of another shape, or too many
   */
  public static SafetensorsReader open(Path file, List<ParameterSection> sections) {
    SafetensorsReader reader = SafetensorsReader.open(file);
    boolean opened = false;
    try {
      Set<String> wanted = new HashSet<>();
      for (ParameterSection section : sections) {
        check(file, reader, PREFIX + section.name(), section.shape());
        wanted.add(PREFIX + section.name());
      }
      for (String name : reader.names()) {
        if (!wanted.contains(name)) {
          throw new UnreadableData(file + ": tensor " + name + " is not of this adapter");
        }
      }
      opened = true;
      return reader;
    } finally {
      if (!opened) {
        reader.close();
      }
    }
  }

  /**
   * Overwrites the matrices of an adapter with those of a file, which must be of the same shapes
   * and no others. Nothing is changed unless all of them are.
   *
   * @throws UnreadableData if one is missing, of another shape, or too many
   */
  public static void restore(Path file, LoraAdapter adapter) {
    try (SafetensorsReader reader = open(file, List.copyOf(adapter.sections()))) {
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
