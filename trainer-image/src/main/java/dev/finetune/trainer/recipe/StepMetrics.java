package dev.finetune.trainer.recipe;

import dev.finetune.api.run.RunJson;
import dev.finetune.trainer.progress.Metrics;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.TreeMap;

/** The metrics of the steps of a run, whichever attempts did them. */
final class StepMetrics {
  private StepMetrics() {}

  /**
   * Returns them ascending by step; steps whose metrics are lost are missing.
   *
   * @param own those of this attempt, ascending
   * @param lastStep last step of the run
   * @param earlier reads lines of former attempts: all lines that may be of steps up to the given
   *     one, those that count last
   */
  static List<Metrics> ofRun(List<Metrics> own, int lastStep, Earlier earlier) {
    int missing = own.isEmpty() ? lastStep : own.getFirst().step() - 1;
    TreeMap<Integer, Metrics> steps = new TreeMap<>();
    if (missing > 0) {
      for (String line : earlier.lines(missing)) {
        parse(line)
            .filter(metrics -> metrics.step() >= 1 && metrics.step() <= missing)
            .ifPresent(metrics -> steps.put(metrics.step(), metrics));
      }
    }
    own.forEach(metrics -> steps.put(metrics.step(), metrics));
    return new ArrayList<>(steps.values());
  }

  /** Where lines of former attempts come from. */
  interface Earlier {
    /** Returns all lines that may be of steps up to this one, those that count last. */
    List<String> lines(int lastStep);
  }

  /** Anyone with access to the bucket may have written a line; one that is none is no step. */
  private static Optional<Metrics> parse(String line) {
    try {
      return Optional.of(RunJson.read(line.getBytes(StandardCharsets.UTF_8), Metrics.class));
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
