package dev.finetune.local;

import io.quarkus.runtime.Quarkus;
import io.quarkus.runtime.annotations.QuarkusMain;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** The program {@code local}: a whole stack on this machine, to try out. Not for production. */
@QuarkusMain
@Command(
    name = "local",
    mixinStandardHelpOptions = true,
    description = "API server, object store, operator and trainers on this machine, to try out.",
    subcommands = CommandLine.HelpCommand.class)
public final class LocalMain {
  /** Directory of the project; set by the launcher. */
  private static final String HOME = "finetune.local.home";

  private static final String EXAMPLE = "examples/qlora-job.yaml";
  private static final String PROMPT = "How do I restart a deployment?";

  private LocalMain() {}

  /** Runs the program. */
  public static void main(String[] arguments) {
    CommandLine line = new CommandLine(new LocalMain());
    line.setExecutionExceptionHandler(
        (failure, command, parsed) -> {
          if (!(failure instanceof IOException)) {
            throw failure;
          }
          System.err.println("local: " + failure.getMessage());
          return 1;
        });
    System.exit(line.execute(arguments));
  }

  /** Leaves the stack running. */
  @Command(mixinStandardHelpOptions = true, description = "Start the stack and leave it running.")
  int up(
      @Option(names = "--model", description = "Base model to upload for the example.")
          @Nullable Path model,
      @Option(names = "--job", description = "FineTuneJob whose files are uploaded.")
          @Nullable Path job,
      @Option(names = "--port", defaultValue = "0", description = "Port of the API server.")
          int port,
      @Option(names = "--quiet", description = "Do not print what trainers print.") boolean quiet)
      throws IOException {
    Path state = home().resolve("target/local");
    LocalStackOptions options = LocalStackOptions.in(home(), state).port(port);
    return withStack(
        quiet ? options : options.output(System.out::println),
        stack -> {
          Path example = job == null ? home().resolve(EXAMPLE) : job.toAbsolutePath();
          if (model != null) {
            try (LocalObjects objects = new LocalObjects(stack.objectStore())) {
              new ExampleFiles(example).upload(objects, model.toAbsolutePath());
            }
          }
          printHowTo(stack, example);
          Quarkus.waitForExit();
          return 0;
        });
  }

  /** Shows a run from file to adapter. */
  @Command(
      mixinStandardHelpOptions = true,
      description = "Fine-tune a model, kill the trainer once, show the result.")
  int demo(
      @Option(names = "--model", required = true, description = "Base model, a GGUF file.")
          Path model,
      @Option(names = "--job", description = "FineTuneJob to submit.") @Nullable Path job,
      @Option(names = "--prompt", defaultValue = PROMPT, description = "What is asked at the end.")
          String prompt,
      @Option(names = "--minutes", defaultValue = "40", description = "How long it may take.")
          int minutes,
      @Option(names = "--verbose", description = "Print what the trainer prints.") boolean verbose)
      throws IOException {
    Path folder = home().resolve("target/demo");
    // A run that is delivered is not trained again, so the demo begins with nothing.
    deleteTree(folder);
    LocalStackOptions options = LocalStackOptions.in(home(), folder.resolve("state"));
    DemoOptions demo =
        new DemoOptions(
            job == null ? home().resolve(EXAMPLE) : job.toAbsolutePath(),
            model.toAbsolutePath(),
            options.launcher(),
            folder.resolve("adapter"),
            prompt,
            Duration.ofMinutes(minutes));
    return withStack(
        verbose ? options.output(System.out::println) : options,
        stack -> {
          System.out.printf("Log of the parts: %s%n%n", log(options));
          new Demo(stack, demo, System.out).run();
          return 0;
        });
  }

  /** What is done while the stack and the operator run. */
  @FunctionalInterface
  interface Work {
    int run(LocalStack stack) throws IOException, InterruptedException, DemoFailed;
  }

  private static int withStack(LocalStackOptions options, Work work) throws IOException {
    if (!Files.isDirectory(options.definitions())) {
      throw new IOException("there are no CustomResourceDefinitions in " + options.definitions());
    }
    Files.createDirectories(options.state());
    System.setProperty("finetune.local.log", log(options).toString());
    LocalStack stack = LocalStack.start(options);
    // Ctrl-C and a failed start end here too: no trainer is left behind.
    Runtime.getRuntime().addShutdownHook(new Thread(stack::close, "stop"));
    stack.operatorProperties().forEach(System::setProperty);
    LocalApplication.work(() -> report(stack, work));
    Quarkus.run(LocalApplication.class, LocalApplication::ended);
    stack.close();
    return LocalApplication.exitCode();
  }

  private static int report(LocalStack stack, Work work) throws IOException, InterruptedException {
    try {
      return work.run(stack);
    } catch (DemoFailed e) {
      System.err.println("local: " + e.getMessage());
      return 1;
    }
  }

  private static void printHowTo(LocalStack stack, Path example) {
    System.out.printf(
        """

        API server   %s
        object store %s   (bucket %s, keys in the Secret %s)

        In another terminal:
          export KUBECONFIG=%s
          kubectl apply -f %s
          kubectl get finetunejobs -w

        A job without spec.storage.endpoint uses this object store. Ctrl-C stops everything.
        """,
        stack.apiServer(),
        stack.objectStore().endpoint(),
        LocalStack.BUCKET,
        LocalStack.SECRET,
        stack.kubeconfig(),
        example);
  }

  private static Path log(LocalStackOptions options) {
    return options.state().resolve("local.log");
  }

  private static Path home() {
    String home = System.getProperty(HOME);
    return Path.of(Optional.ofNullable(home).orElse("")).toAbsolutePath().normalize();
  }

  private static void deleteTree(Path folder) throws IOException {
    if (!Files.exists(folder)) {
      return;
    }
    List<Path> all;
    try (Stream<Path> tree = Files.walk(folder)) {
      all = tree.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : all) {
      Files.delete(path);
    }
  }
}
