package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.trainer.failure.UnreadableData;
import java.io.IOException;
import java.nio.file.Path;
import picocli.CommandLine.Option;

/** The option of commands that take a FineTuneJob. */
final class JobOption {
  @Option(
      names = "--job",
      required = true,
      paramLabel = "FILE",
      description = "The FineTuneJob, YAML or JSON.")
  private Path job = Path.of("");

  /** Reads the job. */
  FineTuneJobFile read() {
    return read(job);
  }

  /** Reads a job from the file that was given. */
  static FineTuneJobFile read(Path job) {
    try {
      return FineTuneJobFile.read(job);
    } catch (IOException e) {
      throw new UnreadableData("--job " + job + ": cannot be read: " + e.getMessage(), e);
    }
  }
}
