package dev.finetune.trainer.merge;

import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.basemodel.DecoderTensors;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.weights.ElementType;
import dev.finetune.trainer.weights.GgufReader;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Writes a base model with an adapter merged in as a folder in the Hugging Face layout.
 *
 * @param type what the weights are rounded to: BF16, F16 or F32
 * @param mostShardBytes size at which the weights are divided into more than one file
 */
public record MergedModel(ElementType type, long mostShardBytes) {
  /**
   * Checks that a folder can be written to without overwriting anything.
   *
   * @throws InvalidConfiguration if there is something already
   */
  public static void requireEmpty(String option, Path folder) {
    if (!Files.exists(folder)) {
      return;
    }
    if (!Files.isDirectory(folder)) {
      throw new InvalidConfiguration(
          "%s: %s is a file; expected a folder that does not exist yet".formatted(option, folder));
    }
    try (DirectoryStream<Path> content = Files.newDirectoryStream(folder)) {
      if (content.iterator().hasNext()) {
        throw new InvalidConfiguration(
            "%s: %s exists and is not empty; nothing is overwritten".formatted(option, folder));
      }
    } catch (IOException e) {
      throw new StorageUnreachable(folder + ": could not be read: " + e.getMessage(), e);
    }
  }

  /**
   * Writes the folder, which is made; its configuration comes last, so that what an interrupted
   * merge leaves behind is no model.
   *
   * @param place where the base model is: a folder, or a {@code .gguf} file
   * @param weights the base model's with the adapter merged in
   * @param adapter folder of the adapter
   */
  public void write(Path place, BaseModel base, MergedWeights weights, Path adapter, Path target) {
    try {
      Files.createDirectories(target);
    } catch (IOException e) {
      throw new StorageUnreachable(target + ": could not be made: " + e.getMessage(), e);
    }
    new ShardedWriter(type, mostShardBytes)
        .write(
            target,
            // What was turned when it was read turns back when it is arranged again.
            DecoderTensors.arranged(base.config(), weights),
            DecoderTensors.shapes(base.config()).keySet());
    if (base.weights() instanceof GgufReader gguf) {
      ModelFiles.write(base.config(), base.tokenizer(), gguf.metadata(), adapter, target, type);
    } else {
      ModelFiles.copy(place, adapter, target, type);
    }
  }
}
