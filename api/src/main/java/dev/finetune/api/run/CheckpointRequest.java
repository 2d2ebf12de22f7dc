package dev.finetune.api.run;

import java.time.Instant;

/**
 * {@code checkpoint-request.json}: someone asks the trainer for a checkpoint now. The trainer
 * answers by {@link Progress#checkpointRequest()} once a checkpoint of a step that was complete
 * when it saw the request is committed.
 *
 * @param id tells one request from the next, 1 to 63 characters
 * @param time when it was asked for
 */
public record CheckpointRequest(String id, Instant time) {}
