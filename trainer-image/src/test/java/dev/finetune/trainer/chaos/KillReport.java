package dev.finetune.trainer.chaos;

import dev.finetune.api.run.RunJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/**
 * One kill that hit a living trainer process.
 *
 * @param model name of the model
 * @param storage kind of storage
 * @param run which chain of kills it belongs to
 * @param exitStatus how the process ended
 * @param reportedStep last step that the process reported, 0 if none
 * @param checkpointStep step of the newest checkpoint afterwards, 0 if none
 * @param stepsLost steps that were reported and must be done again
 */
record KillReport(
    String model,
    String storage,
    String run,
    Kill.Signal signal,
    Moment moment,
    int exitStatus,
    int reportedStep,
    int checkpointStep,
    int stepsLost) {
  private static final String RECORD = System.getProperty("chaos.record", "");

  /** Appends reports to the file that {@code chaos.record} names, if it does: a JSON line each. */
  static synchronized void record(List<KillReport> reports) throws IOException {
    if (RECORD.isEmpty()) {
      return;
    }
    StringBuilder lines = new StringBuilder();
    reports.forEach(report -> lines.append(RunJson.writeLine(report)).append('\n'));
    Files.writeString(Path.of(RECORD), lines, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
  }
}
