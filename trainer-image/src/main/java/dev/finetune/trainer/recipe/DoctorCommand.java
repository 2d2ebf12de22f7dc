package dev.finetune.trainer.recipe;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.api.spec.Storage;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.failure.StorageUnreachable;
import dev.finetune.trainer.failure.TrainingFailure;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.plan.MemoryLimit;
import dev.finetune.trainer.storage.Check;
import dev.finetune.trainer.storage.Check.Outcome;
import dev.finetune.trainer.storage.ObjectStore;
import dev.finetune.trainer.storage.ObjectStores;
import dev.finetune.trainer.storage.Retry;
import dev.finetune.trainer.storage.StorageSettings;
import dev.finetune.trainer.storage.StoreExamination;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Looks at what a run needs, before there is one: the object storage and this machine. */
@Command(
    name = "doctor",
    mixinStandardHelpOptions = true,
    description = {
      "Looks at what a run needs: the object storage, by requests on objects of its own, and this"
          + " machine.",
      "Ends with 0 if a run could be done, 42 if a setting or the store is unfit, 77 if something"
          + " cannot be reached."
    })
final class DoctorCommand implements Callable<Integer> {
  private static final double GIBI = 1L << 30;
  private static final long LITTLE_SPACE = 1L << 30;

  /** Someone waits for the table. */
  private static final Duration LONGEST_SILENCE = Duration.ofSeconds(10);

  private static final Retry RETRY =
      new Retry(Duration.ofMillis(200), Duration.ofSeconds(1), Duration.ofSeconds(3));

  @Spec private CommandSpec spec = CommandSpec.create();

  @ArgGroup(exclusive = false, multiplicity = "1")
  private Place place = new Place();

  @Option(names = "--output", paramLabel = "FORMAT", description = "text (the default) or json.")
  private String output = "text";

  /** The storage: of a job, or by itself. */
  static final class Place {
    @Option(names = "--job", paramLabel = "FILE", description = "The FineTuneJob, YAML or JSON.")
    private @Nullable Path job;

    @Option(
        names = "--storage",
        paramLabel = "URI",
        description =
            "The storage: file:FOLDER or s3://BUCKET/PREFIX; with --job it stands in for the job's.")
    private @Nullable String uri;
  }

  /** What is printed as JSON. */
  record Findings(String storage, int exitCode, List<Check> checks) {}

  @Override
  public Integer call() {
    if (!output.equals("text") && !output.equals("json")) {
      throw new InvalidConfiguration("--output: must be text or json, was " + output);
    }
    Environment environment = new Environment(System.getenv());
    Storage storage = storage(environment);
    List<Check> checks = new ArrayList<>(machine(environment));
    checks.addAll(store(storage, environment));
    int code = exitCode(checks);
    PrintWriter out = spec.commandLine().getOut();
    if (output.equals("json")) {
      Findings findings = new Findings(storage.uri(), code, checks);
      out.print(new String(RunJson.write(findings), StandardCharsets.UTF_8));
      out.flush();
    } else {
      checks.forEach(check -> out.println(line(check)));
    }
    return code;
  }

  private Storage storage(Environment environment) {
    Storage asked = place.job == null ? null : read(place.job).spec().storage();
    String uri = place.uri;
    if (asked == null) {
      return new Storage(
          uri == null ? "" : uri,
          null,
          environment.variables().getOrDefault("AWS_REGION", "us-east-1"),
          null,
          null,
          null);
    }
    return uri == null
        ? asked
        : new Storage(
            uri,
            asked.endpoint(),
            asked.region(),
            asked.pathStyle(),
            asked.caBundleRef(),
            asked.secretRef());
  }

  private static FineTuneJobFile read(Path job) {
    try {
      return FineTuneJobFile.read(job);
    } catch (IOException e) {
      throw new UnreadableData("--job " + job + ": cannot be read: " + e.getMessage(), e);
    }
  }

  private static List<Check> store(Storage storage, Environment environment) {
    StorageSettings settings = StorageSettings.of(storage, environment.variables());
    Duration silence =
        settings.silence().compareTo(LONGEST_SILENCE) < 0 ? settings.silence() : LONGEST_SILENCE;
    try (ObjectStore store = ObjectStores.open(storage.uri(), settings.with(silence, RETRY))) {
      return new StoreExamination(store, RETRY).run();
    } catch (TrainingFailure e) {
      return List.of(
          new Check(
              "open the storage", Outcome.FAILED, String.valueOf(e.getMessage()), 0, e.exitCode()));
    }
  }

  private static List<Check> machine(Environment environment) {
    MemoryLimit memory = MemoryLimit.ofProcess();
    String threads = environment.variable("OMP_NUM_THREADS");
    int processors = Runtime.getRuntime().availableProcessors();
    return List.of(
        Check.found(
            "processors",
            Outcome.OK,
            processors
                + " for this process, "
                + (threads == null ? "as many threads" : "OMP_NUM_THREADS=" + threads)),
        Check.found("memory", Outcome.OK, gibi(memory.bytes()) + " by " + memory.source()),
        space("work folder", workFolder(environment)),
        space("cache", environment.cache()));
  }

  private static Path workFolder(Environment environment) {
    String work = environment.variable(Environment.WORK);
    return Path.of(work == null ? System.getProperty("java.io.tmpdir") : work);
  }

  /** Looks at a folder, or at the nearest one above it that exists. */
  private static Check space(String name, Path folder) {
    Path existing = folder.toAbsolutePath();
    while (existing.getParent() != null && !Files.exists(existing)) {
      existing = existing.getParent();
    }
    try {
      if (!Files.isWritable(existing) || !Files.isDirectory(existing)) {
        throw new StorageUnreachable(existing + ": is no folder that can be written to");
      }
      long free = Files.getFileStore(existing).getUsableSpace();
      return Check.found(
          name,
          free < LITTLE_SPACE ? Outcome.WARNING : Outcome.OK,
          gibi(free) + " free in " + folder);
    } catch (IOException e) {
      return new Check(
          name, Outcome.FAILED, folder + ": " + e.getMessage(), 0, ExitCode.STORAGE_UNREACHABLE);
    } catch (StorageUnreachable e) {
      return new Check(name, Outcome.FAILED, String.valueOf(e.getMessage()), 0, e.exitCode());
    }
  }

  /** A setting that is wrong counts before something that cannot be reached. */
  private static int exitCode(List<Check> checks) {
    boolean unreachable = false;
    for (Check check : checks) {
      if (check.exitCode() == ExitCode.INVALID) {
        return ExitCode.INVALID.code();
      }
      unreachable |= check.exitCode() != null;
    }
    return unreachable ? ExitCode.STORAGE_UNREACHABLE.code() : ExitCode.DONE.code();
  }

  private static String line(Check check) {
    String time = check.millis() == 0 ? "" : String.format(Locale.ROOT, "%.0f ms", check.millis());
    return String.format(
        Locale.ROOT, "%-22s %-8s %8s  %s", check.name(), check.outcome(), time, check.detail());
  }

  private static String gibi(long bytes) {
    return String.format(Locale.ROOT, "%.1f GiB", bytes / GIBI);
  }
}
