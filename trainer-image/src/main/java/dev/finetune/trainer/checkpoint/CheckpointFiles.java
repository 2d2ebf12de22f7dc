package dev.finetune.trainer.checkpoint;

import dev.finetune.api.run.RunJson;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.optim.StateSource;
import dev.finetune.trainer.optim.StateTensor;
import dev.finetune.trainer.train.AdapterTrainer;
import dev.finetune.trainer.train.ExampleLosses;
import dev.finetune.trainer.weights.ElementType;
import dev.finetune.trainer.weights.SafetensorsReader;
import dev.finetune.trainer.weights.SafetensorsWriter;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The files of a checkpoint: the adapter as PEFT would load it, the optimizer's state, the losses
 * of the examples so far, and the state of the run. Reading them back gives the same bits.
 */
public final class CheckpointFiles {
  private static final String OPTIMIZER = "optimizer.safetensors";
  private static final String LOSSES = "losses.safetensors";
  private static final String STATE = "state.json";
  private static final String BEST = "best_model.safetensors";
  private static final int LARGEST_STATE = 4 << 20;

  private CheckpointFiles() {}

  /**
   * Writes a checkpoint to a local folder, which is made: a copy of the state at this moment, from
   * the memory that it lies in, without waiting for the disk. Files of a former one are written
   * over.
   *
   * @param adapterConfig content of {@code adapter_config.json}
   * @param best matrices of the best adapter so far if that is another one, or null
   * @return the files by name
   * @throws StorageUnreachable if the disk is full or fails
   */
  public static Map<String, Path> write(
      Path folder,
      LoraAdapter adapter,
      String adapterConfig,
      AdapterTrainer trainer,
      ExampleLosses losses,
      TrainingState state,
      @Nullable Path best) {
    try {
      Files.createDirectories(folder);
      Map<String, Path> files = new LinkedHashMap<>();
      for (String name :
          new String[] {AdapterFiles.WEIGHTS, AdapterFiles.CONFIG, OPTIMIZER, LOSSES, STATE}) {
        files.put(name, folder.resolve(name));
      }
      AdapterFiles.write(folder.resolve(AdapterFiles.WEIGHTS), adapter);
      Files.writeString(folder.resolve(AdapterFiles.CONFIG), adapterConfig);
      writeOptimizer(folder.resolve(OPTIMIZER), trainer.optimizerState());
      writeLosses(folder.resolve(LOSSES), losses);
      if (best != null) {
        Path copy = folder.resolve(BEST);
        files.put(BEST, Files.copy(best, copy, StandardCopyOption.REPLACE_EXISTING));
      }
      Files.write(folder.resolve(STATE), RunJson.write(state));
      return files;
    } catch (IOException e) {
      throw new StorageUnreachable(folder + ": could not be written: " + e.getMessage(), e);
    }
  }

  private static void writeOptimizer(Path file, List<StateTensor> state) {
    SafetensorsWriter writer = new SafetensorsWriter();
    for (StateTensor tensor : state) {
      switch (tensor) {
        case StateTensor.Floats floats ->
            writer.add(floats.name(), ElementType.F32, floats.shape(), floats.values());
        case StateTensor.Codes codes ->
            writer.add(codes.name(), ElementType.U8, codes.shape(), codes.values());
      }
    }
    writer.overwrite(file);
  }

  private static void writeLosses(Path file, ExampleLosses losses) {
    SafetensorsWriter writer = new SafetensorsWriter();
    losses
        .columns()
        .forEach(
            (name, values) ->
                writer.add(name, new long[] {values.length}, FloatBuffer.wrap(values)));
    writer.overwrite(file);
  }

  /**
   * Restores adapter, optimizer and losses from a folder whose files were verified.
   *
   * @throws UnreadableData if they are of another adapter or of other examples
   */
  public static TrainingState restore(
      Path folder, LoraAdapter adapter, AdapterTrainer trainer, ExampleLosses losses) {
    AdapterFiles.restore(folder.resolve(AdapterFiles.WEIGHTS), adapter);
    TrainingState state = state(folder.resolve(STATE));
    Path optimizer = folder.resolve(OPTIMIZER);
    try (SafetensorsReader reader = SafetensorsReader.open(optimizer)) {
      trainer.restore(new StateFile(optimizer, reader), state.plateau());
    }
    // A trainer of an older version kept none; what it saw stays unknown.
    Path file = folder.resolve(LOSSES);
    if (Files.exists(file)) {
      try (SafetensorsReader reader = SafetensorsReader.open(file)) {
        StateSource stored = new StateFile(file, reader);
        losses.restore((name, examples) -> stored.floats(name, new long[] {examples}));
      }
    }
    return state;
  }

  /**
   * Returns the matrices of the best adapter in the folder of a checkpoint.
   *
   * @param state the state of the same checkpoint
   * @throws UnreadableData if it should have them and has not
   */
  public static Path best(Path folder, TrainingState state) {
    Integer best = state.standing().bestStep();
    Path file = folder.resolve(best == null || best == state.step() ? AdapterFiles.WEIGHTS : BEST);
    if (!Files.exists(file)) {
      throw new UnreadableData(
          file + ": expected the adapter of the best evaluation, step " + best + ", found none");
    }
    return file;
  }

  private static TrainingState state(Path file) {
    try {
      if (Files.size(file) > LARGEST_STATE) {
        throw new UnreadableData(file + ": must have at most " + LARGEST_STATE + " bytes");
      }
      return RunJson.read(Files.readAllBytes(file), TrainingState.class);
    } catch (IOException e) {
      throw new UnreadableData(file + ": is not the state of a run: " + e.getMessage(), e);
    }
  }

  /** Numbers of the state in a file; the shape is checked before anything is allocated. */
  private record StateFile(Path file, SafetensorsReader reader) implements StateSource {
    @Override
    public float[] floats(String name, long[] shape) {
      check(name, shape, ElementType.F32);
      return reader.readFloats(name);
    }

    @Override
    public byte[] codes(String name, long[] shape) {
      check(name, shape, ElementType.U8);
      return reader.readBytes(name);
    }

    private void check(String name, long[] shape, ElementType type) {
      if (!reader.names().contains(name)) {
        throw new UnreadableData(file + ": expected tensor '" + name + "', found none");
      }
      if (reader.type(name) != type || !Arrays.equals(reader.shape(name), shape)) {
        throw new UnreadableData(
            "%s: tensor '%s': expected %s %s, found %s %s"
                .formatted(
                    file,
                    name,
                    type,
                    Arrays.toString(shape),
                    reader.type(name),
                    Arrays.toString(reader.shape(name))));
      }
    }
  }
}
