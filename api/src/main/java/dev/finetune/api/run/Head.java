package dev.finetune.api.run;

import java.time.Instant;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * {@code head.json}, the one mutable truth about a run. Every change is one compare-and-set.
 *
 * @param attempt newest attempt that claimed the run, from 1; an older one is fenced off
 * @param owner who claimed it: the UID of the FineTuneJob, or a local id
 * @param heartbeat when the owner last said that it lives
 * @param writeId random id of the last write, by which a writer knows its own lost answer
 * @param checkpoints checkpoints that exist, ascending by step
 * @param latest step of the newest checkpoint
 * @param best step of the best checkpoint by {@link CheckpointEntry#comparedBy}, if measured
 * @param delivered the adapter, once the run is complete
 */
public record Head(
    int attempt,
    String owner,
    Instant heartbeat,
    String writeId,
    List<CheckpointEntry> checkpoints,
    @Nullable Integer latest,
    @Nullable Integer best,
    @Nullable Delivery delivered) {
  /** Copies the list. */
  @SuppressWarnings("NullAway") // A hand-edited head.json may lack the list.
  public Head {
    checkpoints = checkpoints == null ? List.of() : List.copyOf(checkpoints);
  }
}
