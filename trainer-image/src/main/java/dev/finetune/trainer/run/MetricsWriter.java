package dev.finetune.trainer.run;

import dev.finetune.api.run.StorageLayout;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.storage.ObjectStore;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;

/**
 * Metrics of an attempt, in parts that are written once each. Parts that cannot be written wait, in
 * order, and are written by a later call; a part that was written although the answer was lost is
 * written again with the same bytes.
 */
final class MetricsWriter {
  private record Part(String key, byte[] content) {}

  private final RunFolder run;
  private final int attempt;
  private final Deque<Part> waiting = new ArrayDeque<>();
  private int lastStep;
  private boolean outage;

  MetricsWriter(RunFolder run, int attempt) {
    this.run = run;
    this.attempt = attempt;
  }

  /** Adds a part and writes what waits, if the storage can be reached. */
  synchronized void append(List<String> lines, int step) {
    if (step <= lastStep) {
      throw new IllegalArgumentException("lastStep: must be above " + lastStep + ", was " + step);
    }
    if (lines.isEmpty()) {
      return;
    }
    lastStep = step;
    byte[] content = (String.join("\n", lines) + "\n").getBytes(StandardCharsets.UTF_8);
    waiting.add(new Part(run.key(StorageLayout.metrics(attempt, step)), content));
    try {
      write(run.hasty());
      outage = false;
    } catch (StorageUnreachable e) {
      if (!outage) {
        outage = true;
        run.settings()
            .notices()
            .accept("metrics cannot be written now and wait in memory: " + e.getMessage());
      }
    }
  }

  /** Writes what waits, trying until the deadline. */
  synchronized void flush() {
    write(run.patient());
    outage = false;
  }

  private void write(ObjectStore store) {
    for (Part part = waiting.peek(); part != null; part = waiting.peek()) {
      store.put(part.key(), part.content());
      waiting.remove();
    }
  }
}
