package dev.finetune.bench;

import dev.finetune.api.run.RunJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** What {@code bench/run} calls. Every command prints to the standard output. */
@Command(
    name = "bench",
    subcommands = {
      Main.ConfigurationsCommand.class,
      Main.EnvironmentCommand.class,
      Main.RateCommand.class,
      Main.TrainCommand.class,
      Main.TableCommand.class
    })
final class Main {
  private Main() {}

  /** Runs a command; the exit status is 0 if it succeeded. */
  public static void main(String[] arguments) {
    System.exit(new CommandLine(new Main()).execute(arguments));
  }

  /** Prints the names of the configurations. */
  @Command(name = "configurations")
  static final class ConfigurationsCommand implements Callable<Integer> {
    @Override
    public Integer call() {
      Configuration.all().forEach(configuration -> System.out.println(configuration.name()));
      return 0;
    }
  }

  /** Prints where the benchmark runs, as a JSON line. */
  @Command(name = "environment")
  static final class EnvironmentCommand implements Callable<Integer> {
    @Option(names = "--command", required = true)
    private String command = "";

    @Option(names = "--commit", required = true)
    private String commit = "";

    @Option(names = "--dirty", required = true, arity = "1")
    private boolean dirty;

    @Option(names = "--model", required = true)
    private Path model = Path.of("");

    @Option(names = "--data", required = true)
    private Path data = Path.of("");

    @Override
    public Integer call() throws IOException {
      Environment.Source source = new Environment.Source(command, commit, dirty);
      System.out.println(RunJson.writeLine(Environment.of(source, model, data)));
      return 0;
    }
  }

  /** Prints how fast the machine multiplies large matrices, as a JSON line. */
  @Command(name = "rate")
  static final class RateCommand implements Callable<Integer> {
    @Option(names = "--threads", defaultValue = "2")
    private int threads;

    @Override
    public Integer call() {
      System.out.println(RunJson.writeLine(ProductRates.measure(threads)));
      return 0;
    }
  }

  /** Trains in one configuration and prints what was measured, as a JSON line. */
  @Command(name = "train")
  static final class TrainCommand implements Callable<Integer> {
    @Option(names = "--configuration", required = true)
    private String configuration = "";

    @Option(names = "--repetition", defaultValue = "1")
    private int repetition;

    @Option(names = "--model", required = true)
    private Path model = Path.of("");

    @Option(names = "--data", required = true)
    private Path data = Path.of("");

    @Option(names = "--threads", defaultValue = "2")
    private int threads;

    @Option(names = "--warmup", defaultValue = "5")
    private int warmup;

    @Option(names = "--measure", defaultValue = "5")
    private int measure;

    @Override
    public Integer call() throws IOException {
      if (warmup < 1 || measure < 1) {
        throw new IllegalArgumentException("--warmup and --measure must be at least 1");
      }
      TrainingBenchmark.Settings settings =
          new TrainingBenchmark.Settings(model, data, threads, warmup, measure);
      Measurement.Result result =
          new TrainingBenchmark(Configuration.of(configuration), settings).run();
      System.out.println(
          RunJson.writeLine(
              new Measurement(Measurement.Side.OURS, configuration, repetition, null, result)));
      return 0;
    }
  }

  /** Prints the table of a file of results. */
  @Command(name = "table")
  static final class TableCommand implements Callable<Integer> {
    @Parameters(paramLabel = "FILE.jsonl")
    private Path file = Path.of("");

    @Override
    public Integer call() throws IOException {
      List<String> lines = Files.readAllLines(file);
      System.out.print(ResultTable.of(lines).markdown());
      return 0;
    }
  }
}
