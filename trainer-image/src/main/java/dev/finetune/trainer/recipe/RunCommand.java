package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.progress.Console;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** Trains an adapter as a FineTuneJob file says. */
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    description = "Trains an adapter as a FineTuneJob file says; the same file as for a cluster.")
final class RunCommand implements Callable<Integer> {
  private final StopRequest stop;

  @Option(
      names = "--job",
      required = true,
      paramLabel = "FILE",
      description = "The FineTuneJob, YAML or JSON.")
  private Path job = Path.of("");

  @Option(
      names = "--storage",
      paramLabel = "URI",
      description = "Stands in for spec.storage.uri: file:FOLDER or s3://BUCKET/PREFIX.")
  private @Nullable String storage;

  @Option(
      names = "--metrics",
      paramLabel = "FILE",
      description = "Append one JSON line a step to this file.")
  private @Nullable Path metrics;

  @Option(
      names = "--take-over",
      description = "Take the run over from another owner who is still at work.")
  private boolean takeOver;

  RunCommand(StopRequest stop) {
    this.stop = stop;
  }

  @Override
  public Integer call() {
    stop.listen();
    FineTuneJobFile file = read(job);
    Console console = new Console(System.out, System.console() != null);
    return new FineTuneRecipe(
            file,
            new FineTuneRecipe.Options(storage, metrics, takeOver),
            new Environment(System.getenv()),
            console,
            stop)
        .run()
        .code();
  }

  private static FineTuneJobFile read(Path file) {
    try {
      return FineTuneJobFile.read(file);
    } catch (IOException e) {
      throw new UnreadableData("--job " + file + ": cannot be read: " + e.getMessage(), e);
    }
  }
}
