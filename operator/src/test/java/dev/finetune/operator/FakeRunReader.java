package dev.finetune.operator;

import dev.finetune.operator.api.FineTuneJob;
import dev.finetune.operator.progress.RunReader;
import dev.finetune.operator.progress.RunReading;
import java.time.Duration;
import java.util.concurrent.atomic.AtomicReference;

/** A storage that says what a test wants it to. */
public final class FakeRunReader implements RunReader {
  private final AtomicReference<RunReading> reading =
      new AtomicReference<>(RunReading.of(null, null));

  private final AtomicReference<RuntimeException> error = new AtomicReference<>();

  /** Sets what is read from now on. */
  public void says(RunReading next) {
    reading.set(next);
  }

  /** Sets the error that every reading ends with from now on; null for none. */
  public void breaks(RuntimeException next) {
    error.set(next);
  }

  @Override
  public RunReading read(FineTuneJob job, Duration maximumAge) {
    RuntimeException broken = error.get();
    if (broken != null) {
      throw broken;
    }
    return reading.get();
  }

  @Override
  public void forget(String uid) {
    // Nothing is kept by job.
  }
}
