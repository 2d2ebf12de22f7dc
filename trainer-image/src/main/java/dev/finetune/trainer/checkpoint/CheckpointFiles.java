package dev.finetune.trainer.checkpoint;

import dev.finetune.api.run.RunJson;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.train.AdapterTrainer;
import dev.finetune.trainer.weights.SafetensorsReader;
import dev.finetune.trainer.weights.SafetensorsWriter;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The files of a checkpoint: the adapter as PEFT would load it, the optimizer's moments, and the
 * state. Reading them back gives the same bits.
 */
public final class CheckpointFiles {
  private static final String OPTIMIZER = "optimizer.safetensors";
  private static final String STATE = "state.json";
  private static final int LARGEST_STATE = 1 << 16;
  private static final String FIRST = "exp_avg";
  private static final String SECOND = "exp_avg_sq";

  private CheckpointFiles() {}

  /**
   * Writes a checkpoint to a local folder, which is made.
   *
   * @param adapterConfig content of {@code adapter_config.json}
   * @return the files by name
   * @throws StorageUnreachable if the disk is full or fails
   */
  public static Map<String, Path> write(
      Path folder,
      LoraAdapter adapter,
      String adapterConfig,
      AdapterTrainer trainer,
      TrainingState state) {
    try {
      Files.createDirectories(folder);
      Map<String, Path> files = new LinkedHashMap<>();
      for (String name :
          new String[] {AdapterFiles.WEIGHTS, AdapterFiles.CONFIG, OPTIMIZER, STATE}) {
        files.put(name, folder.resolve(name));
      }
      AdapterFiles.write(folder.resolve(AdapterFiles.WEIGHTS), adapter.tensors());
      Files.writeString(folder.resolve(AdapterFiles.CONFIG), adapterConfig);
      writeMoments(folder.resolve(OPTIMIZER), trainer.moments());
      Files.write(folder.resolve(STATE), RunJson.write(state));
      return files;
    } catch (IOException e) {
      throw new StorageUnreachable(folder + ": could not be written: " + e.getMessage(), e);
    }
  }

  private static void writeMoments(Path file, AdapterTrainer.Moments moments) {
    long[] shape = {moments.first().length};
    new SafetensorsWriter()
        .add(FIRST, shape, FloatBuffer.wrap(moments.first()))
        .add(SECOND, shape, FloatBuffer.wrap(moments.second()))
        .write(file);
  }

  /**
   * Restores adapter and optimizer from a folder whose files were verified.
   *
   * @throws UnreadableData if they are of another adapter
   */
  public static TrainingState restore(Path folder, LoraAdapter adapter, AdapterTrainer trainer) {
    adapter.setTensors(AdapterFiles.read(folder.resolve(AdapterFiles.WEIGHTS), adapter.tensors()));
    Path optimizer = folder.resolve(OPTIMIZER);
    try (SafetensorsReader reader = SafetensorsReader.open(optimizer)) {
      long expected = adapter.parameters().elements();
      trainer.setMoments(
          new AdapterTrainer.Moments(
              moments(optimizer, reader, FIRST, expected),
              moments(optimizer, reader, SECOND, expected)));
    }
    Path state = folder.resolve(STATE);
    try {
      if (Files.size(state) > LARGEST_STATE) {
        throw new UnreadableData(state + ": must have at most " + LARGEST_STATE + " bytes");
      }
      return RunJson.read(Files.readAllBytes(state), TrainingState.class);
    } catch (IOException e) {
      throw new UnreadableData(state + ": is not the state of a run: " + e.getMessage(), e);
    }
  }

  private static float[] moments(Path file, SafetensorsReader reader, String name, long expected) {
    if (!reader.names().contains(name)
        || reader.shape(name).length != 1
        || reader.shape(name)[0] != expected) {
      throw new UnreadableData(file + ": expected " + name + " with " + expected + " numbers");
    }
    return reader.readFloats(name);
  }
}
