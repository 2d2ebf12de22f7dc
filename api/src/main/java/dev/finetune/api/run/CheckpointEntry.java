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
 */
public record CheckpointEntry(
    int step,
    int attempt,
    String folder,
    String manifestSha256,
    long bytes,
    Instant time,
    @Nullable Double evalLoss) {}
