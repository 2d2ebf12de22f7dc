package dev.finetune.trainer.run;

import dev.finetune.api.run.Delivery;
import dev.finetune.trainer.failure.UnreadableData;
import java.nio.file.Path;

/** The adapter of a run that is complete. */
public final class DeliveredAdapter {
  private DeliveredAdapter() {}

  /**
   * Downloads the adapter, checking sizes and hashes.
   *
   * @param work local folder; the adapter becomes a folder in it
   * @return the folder with its files
   * @throws UnreadableData if a file is missing or another than was delivered; the message names it
   * @throws dev.finetune.trainer.failure.StorageUnreachable if it cannot be read until the deadline
   */
  public static Path download(RunFolder run, Delivery delivery, Path work) {
    FolderDownload download = new FolderDownload(run, delivery.folder());
    Path target = work.resolve("adapter");
    try {
      download.files(download.manifest(delivery.manifestSha256()), target);
      return target;
    } catch (FolderDownload.Broken e) {
      throw new UnreadableData(
          run.location(delivery.folder())
              + ": the adapter was delivered, but "
              + e.getMessage()
              + "; bring it back, or set spec.runId to begin a new run",
          e);
    }
  }
}
