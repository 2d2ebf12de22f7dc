package dev.finetune.trainer.recipe;

import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.progress.Metrics;
import dev.finetune.trainer.run.Run;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The metrics of an attempt: to storage in parts, beside training, and to a local file at once. */
final class MetricsLog {
  /** Steps whose metrics go to storage together. */
  private static final int PART = 50;

  private final Run run;
  private final StorageQueue queue;
  private final @Nullable Path file;
  private final List<Metrics> steps = new ArrayList<>();
  private final List<String> pending = new ArrayList<>();
  private int lastStep;

  /**
   * Makes an empty one.
   *
   * @param file to append to, or null
   */
  MetricsLog(Run run, StorageQueue queue, @Nullable Path file) {
    this.run = run;
    this.queue = queue;
    this.file = file;
  }

  /** Adds the metrics of a step. */
  void add(Metrics metrics) {
    String line = metrics.toJson();
    steps.add(metrics);
    pending.add(line);
    lastStep = metrics.step();
    if (pending.size() >= PART) {
      flush();
    }
    if (file != null) {
      try {
        Files.writeString(file, line + "\n", StandardOpenOption.CREATE, StandardOpenOption.APPEND);
      } catch (IOException e) {
        throw new StorageUnreachable(
            "--metrics " + file + ": could not be written: " + e.getMessage(), e);
      }
    }
  }

  /**
   * Returns the metrics of the steps of the run, ascending: this attempt's, and from storage those
   * of former attempts.
   *
   * @param lastStep last step of the run
   */
  List<Metrics> ofRun(int lastStep) {
    return StepMetrics.ofRun(steps, lastStep, run::earlierMetrics);
  }

  /** Sends what is pending on its way, ahead of a checkpoint that is saved after this call. */
  void flush() {
    if (!pending.isEmpty()) {
      List<String> lines = List.copyOf(pending);
      int step = lastStep;
      pending.clear();
      queue.add(() -> run.appendMetrics(lines, step));
    }
  }
}
