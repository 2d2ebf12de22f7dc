package dev.finetune.operator.progress;

import dev.finetune.operator.api.FineTuneJob;
import java.time.Duration;

/** Reads what a run says about itself. */
public interface RunReader {
  /**
   * Returns what object storage says of the run of a job, at most so old. A storage that does not
   * answer is a reading too, not an error.
   */
  RunReading read(FineTuneJob job, Duration maximumAge);

  /** Forgets what was read of a job that ended or is gone. */
  void forget(String uid);
}
