package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.trainer.progress.Console;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.ObjectStores;
import java.io.IOException;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.UnaryOperator;
import org.jspecify.annotations.Nullable;

/**
 * A job on the store that a test puts between the trainer and its storage.
 *
 * @param job file of the FineTuneJob
 * @param storage stands in for {@code spec.storage.uri}
 * @param metrics file that one line a step is appended to, or null
 * @param variables variables of the trainer
 */
public record TrainerInTest(
    Path job, String storage, @Nullable Path metrics, Map<String, String> variables) {
  private static final int CRASHED = 1;

  /** Runs the job in this process and returns the exit status; whatever is thrown passes. */
  public int run(PrintStream out, UnaryOperator<ObjectStore> between) {
    return recipe(new StopRequest(false), out, between).run().code();
  }

  /** Runs the job as the trainer's own main class does: with signals and an exit status. */
  public void runAsProcess(UnaryOperator<ObjectStore> between) {
    StopRequest stop = new StopRequest(true);
    int status = CRASHED;
    try {
      stop.listen();
      status = recipe(stop, System.out, between).run().code();
    } catch (RuntimeException e) {
      Failures failure = Failures.of(e);
      System.err.println("trainer: " + failure.message());
      status = failure.exitStatus();
    } finally {
      stop.ended(status);
    }
    System.exit(status);
  }

  private FineTuneRecipe recipe(
      StopRequest stop, PrintStream out, UnaryOperator<ObjectStore> between) {
    try {
      return new FineTuneRecipe(
          FineTuneJobFile.read(job),
          new FineTuneRecipe.Options(storage, metrics, false),
          new Environment(variables),
          new Console(out, false),
          stop,
          (uri, settings) -> between.apply(ObjectStores.open(uri, settings)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
