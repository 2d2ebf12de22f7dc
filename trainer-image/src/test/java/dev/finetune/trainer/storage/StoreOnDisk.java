package dev.finetune.trainer.storage;

import java.nio.channels.WritableByteChannel;
import java.nio.file.Path;
import java.util.function.UnaryOperator;

/** Opens folders on disks that tests of other packages let fail. */
public final class StoreOnDisk {
  private StoreOnDisk() {}

  /**
   * Opens a folder.
   *
   * @param disk wraps the channel of every write
   */
  public static ObjectStore open(Path folder, UnaryOperator<WritableByteChannel> disk) {
    return FileStore.open(folder, disk);
  }
}
