package dev.finetune.api.run;

import java.time.Instant;
import org.jspecify.annotations.Nullable;

/**
 * A checkpoint that exists: it is listed in {@code head.json} only after its manifest was written.
 *
 * @param step optimizer steps completed, from 1
 * @param attempt attempt that wrote it
 * @param folder folder within the run folder, ending with a slash
 * @param manifestSha256 SHA-256 of its manifest in hexadecimal
 * @param bytes size of its files in all
 * @param time when it was committed
 * @param evalLoss held-out loss at this step, if it was measured
 * @param score by what checkpoints are compared, less is better, where that is not the held-out
 *     loss: the metric of {@code spec.evaluation}, with its sign turned if more of it is better
 */
public record CheckpointEntry(
    int step,
    int attempt,
    String folder,
    String manifestSha256,
    long bytes,
    Instant time,
    @Nullable Double evalLoss,
    @Nullable Double score) {
  /** Makes one that is compared by its held-out loss. */
  public CheckpointEntry(
      int step,
      int attempt,
      String folder,
      String manifestSha256,
      long bytes,
      Instant time,
      @Nullable Double evalLoss) {
    this(step, attempt, folder, manifestSha256, bytes, time, evalLoss, null);
  }

  /** Returns by what checkpoints are compared, less is better; null if it was not measured. */
  public @Nullable Double comparedBy() {
    return score == null ? evalLoss : score;
  }
}
