package dev.finetune.trainer.recipe;

import dev.finetune.trainer.checkpoint.AdapterFiles;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.lora.LoraAdapter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * A copy of the adapter of the best evaluation on the local disk. Every later checkpoint takes it
 * along, so that a run that goes on from any of them, also from an older one where the newest is
 * broken, delivers the same adapter; which checkpoints retention keeps does not matter for it.
 */
final class BestAdapter {
  private final Path folder;
  private final Path file;

  /**
   * Makes an empty one.
   *
   * @param folder local folder; made when there is something to keep
   */
  BestAdapter(Path folder) {
    this.folder = folder;
    this.file = folder.resolve(AdapterFiles.WEIGHTS);
  }

  /** Keeps the adapter as it is now in place of what was kept. */
  void keep(LoraAdapter adapter) {
    prepare();
    AdapterFiles.write(file, adapter);
  }

  /** Keeps the matrices of a file in place of what was kept. */
  void keep(Path matrices) {
    prepare();
    try {
      Files.copy(matrices, file, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException e) {
      throw failed(e);
    }
  }

  private void prepare() {
    try {
      Files.createDirectories(folder);
    } catch (IOException e) {
      throw failed(e);
    }
  }

  private StorageUnreachable failed(IOException cause) {
    return new StorageUnreachable(folder + ": could not be written: " + cause.getMessage(), cause);
  }

  /** Returns the file with the matrices; it is there once something was kept. */
  Path file() {
    return file;
  }
}
