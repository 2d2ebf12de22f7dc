package dev.finetune.trainer.recipe;

import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import java.util.logging.Level;
import java.util.logging.Logger;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** The trainer's command line. */
@Command(
    name = "trainer",
    mixinStandardHelpOptions = true,
    versionProvider = Versions.class,
    description = "Fine-tunes language models with LoRA and QLoRA.",
    subcommands = {
      RunCommand.class,
      AuditCommand.class,
      PlanCommand.class,
      DoctorCommand.class,
      GenerateCommand.class,
      EvaluateCommand.class,
      ClassifyCommand.class,
      MergeCommand.class,
      ExportCommand.class
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {
      "0:done",
      "2:wrong command line",
      "42:configuration, data or model is wrong",
      "43:a loss or gradient was not finite",
      "44:the job needs more memory than there is",
      "45:out of memory",
      "75:asked to stop, state saved",
      "76:a newer attempt owns the run",
      "77:storage unreachable"
    })
public final class Main implements Callable<Integer> {
  private static final Logger LIBRARIES = Logger.getLogger("ai.djl");

  private static final int CRASHED = 1;

  @Spec private CommandSpec spec;

  private Main() {
    spec = CommandSpec.create();
  }

  /** Runs a command and ends the process with its exit code. */
  public static void main(String[] arguments) {
    // Held, since a logger that nobody holds loses its level.
    LIBRARIES.setLevel(Level.WARNING);
    StopRequest stop = new StopRequest(true);
    int status = CRASHED;
    try {
      status = run(stop, writer(System.out), writer(System.err), arguments);
    } catch (OutOfMemoryError e) {
      Failures failure = Failures.of(e);
      System.err.println("trainer: " + failure.message());
      status = failure.exitStatus();
    } finally {
      // Also after an Error, or the process would wait for a run that is no more.
      stop.ended(status);
    }
    System.exit(status);
  }

  private static PrintWriter writer(PrintStream stream) {
    return new PrintWriter(stream, true, StandardCharsets.UTF_8);
  }

  static int run(StopRequest stop, PrintWriter out, PrintWriter errors, String... arguments) {
    return new CommandLine(new Main(), new Commands(stop))
        .setOut(out)
        .setErr(errors)
        .setExecutionExceptionHandler(Main::explain)
        .execute(arguments);
  }

  private static int explain(
      Exception exception, CommandLine commandLine, CommandLine.ParseResult ignored) {
    Failures failure = Failures.of(exception);
    commandLine.getErr().println("trainer: " + failure.message());
    if (failure.bug()) {
      exception.printStackTrace(commandLine.getErr());
    }
    return failure.exitStatus();
  }

  @Override
  public Integer call() {
    spec.commandLine().usage(spec.commandLine().getErr());
    return CommandLine.ExitCode.USAGE;
  }

  /** Gives commands the request to stop. */
  private record Commands(StopRequest stop) implements CommandLine.IFactory {
    @Override
    public <K> K create(Class<K> type) throws Exception {
      if (type == RunCommand.class) {
        return type.cast(new RunCommand(stop));
      }
      return CommandLine.defaultFactory().create(type);
    }
  }
}
