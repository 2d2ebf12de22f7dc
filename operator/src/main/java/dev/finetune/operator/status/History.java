package dev.finetune.operator.status;

import dev.finetune.api.run.Head;
import dev.finetune.api.status.AttemptStatus;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * What happened to a job so far.
 *
 * @param attempts the Jobs that were made, oldest first
 * @param queue Kueue queue of the job, if it has one
 * @param head what object storage says of the run, if it could be read and the run has begun
 */
public record History(List<AttemptStatus> attempts, @Nullable String queue, @Nullable Head head) {
  /** Copies the list. */
  public History {
    attempts = List.copyOf(attempts);
  }

  /** Returns how often the trainer was started again: known from storage, else from the Jobs. */
  int restarts() {
    int jobs = attempts.isEmpty() ? 0 : attempts.getLast().number() - 1;
    return Math.max(jobs, head == null ? 0 : head.attempt() - 1);
  }
}
