package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.trainer.progress.Console;
import dev.finetune.trainer.storage.ObjectStores;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** Trains an adapter as a FineTuneJob file says. */
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    description = "Trains an adapter as a FineTuneJob file says; the same file as for a cluster.")
final class RunCommand implements Callable<Integer> {
  private final StopRequest stop;

  @Mixin private JobOption job = new JobOption();

  @Mixin private DeviceOption device = new DeviceOption();

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

  @Option(
      names = "--threads",
      paramLabel = "N",
      description =
          "Threads of a product in this attempt, instead of those that the run began with; its"
              + " result is then equal to rounding, no more to the bit.")
  private @Nullable Integer threads;

  @Option(
      names = "--token-budget",
      paramLabel = "N",
      description =
          "Tokens of a micro-batch in this attempt, instead of those that the run began with; its"
              + " result is then equal to rounding, no more to the bit.")
  private @Nullable Integer tokenBudget;

  RunCommand(StopRequest stop) {
    this.stop = stop;
  }

  @Override
  public Integer call() {
    stop.listen();
    FineTuneJobFile file = job.read();
    Console console = new Console(System.out, System.console() != null);
    Environment environment = environment();
    return new FineTuneRecipe(
            file,
            new FineTuneRecipe.Options(
                storage, metrics, takeOver, Overrides.of(threads, tokenBudget, environment)),
            environment,
            console,
            stop,
            ObjectStores::open)
        .run()
        .code();
  }

  /** The option stands in for the variable. */
  private Environment environment() {
    Map<String, String> variables = new HashMap<>(System.getenv());
    DeviceChoice choice = device.choice(variables);
    variables.put(Environment.DEVICE, choice.name().toLowerCase(Locale.ROOT));
    return new Environment(variables);
  }
}
