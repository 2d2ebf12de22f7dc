package dev.finetune.trainer.run;

import dev.finetune.api.run.CheckpointEntry;
import java.nio.file.Path;

/**
 * A checkpoint on the local disk whose sizes and hashes were checked.
 *
 * @param entry the checkpoint as the head lists it
 * @param folder local folder with its files; the caller may delete it once it has read them
 */
public record Checkpoint(CheckpointEntry entry, Path folder) {
  /** Returns the optimizer steps completed. */
  public int step() {
    return entry.step();
  }
}
