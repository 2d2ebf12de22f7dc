package dev.finetune.trainer.recipe;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Gpu;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.plan.MemoryLimit;
import dev.finetune.trainer.plan.MemoryPlan;
import dev.finetune.trainer.plan.PlanTable;
import dev.finetune.trainer.plan.Planner;
import dev.finetune.trainer.progress.Console;
import dev.finetune.trainer.storage.StorageSettings;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Predicts the memory of a job, without running it. */
@Command(
    name = "plan",
    mixinStandardHelpOptions = true,
    description =
        "Predicts the memory of a job: every allocation, the peak, and what is chosen for the"
            + " limit. Ends with 44 if nothing fits.")
final class PlanCommand implements Callable<Integer> {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,6})(|[KMGT]i)");

  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private JobOption job = new JobOption();

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description =
          "A config.json that stands in for the job's model; neither weights nor data are read, and"
              + " every example is as long as maxLength.")
  private @Nullable Path config;

  @Option(
      names = "--memory",
      paramLabel = "SIZE",
      description = "Memory to plan for, such as 16Gi. Default: what this process may use.")
  private @Nullable String memory;

  @Option(
      names = "--gpu-memory",
      paramLabel = "SIZE",
      description =
          "Plan for a GPU with so much memory, which need not be there. Default: what the device"
              + " has.")
  private @Nullable String gpuMemory;

  @Mixin private DeviceOption device = new DeviceOption();

  @Override
  public Integer call() {
    FineTuneJobSpec asked = job.read().spec();
    MemoryLimit host =
        memory == null
            ? MemoryLimit.ofProcess()
            : new MemoryLimit(bytes("--memory", memory), "--memory");
    Compute compute = compute();
    MemoryLimit limit = limit(compute, host);
    MemoryPlan plan = choose(asked, compute.precision(asked.training().precision()), limit);
    PlanTable.lines(plan, limit).forEach(spec.commandLine().getOut()::println);
    if (limit.place() == MemoryLimit.Place.GPU) {
      Planner.requireHost(plan, host);
    }
    return ExitCode.DONE.code();
  }

  private MemoryPlan choose(FineTuneJobSpec asked, String precision, MemoryLimit limit) {
    if (config != null) {
      return planned(
          MemoryPlanning.of(asked, BaseModel.readConfig(config), precision, limit), limit);
    }
    Environment environment = new Environment(System.getenv());
    StorageSettings settings = StorageSettings.of(asked.storage(), environment.variables());
    Console quiet =
        new Console(
            new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8), false);
    try (Inputs inputs = Inputs.fetch(asked, settings, environment, quiet, Map.of())) {
      return planned(MemoryPlanning.of(asked, inputs, precision, limit), limit);
    }
  }

  /** A plan that does not fit is shown too, at its least, before the command ends with 44. */
  private MemoryPlan planned(Planner planner, MemoryLimit limit) {
    MemoryPlan least = planner.plan(Math.max(1, planner.batches().longest()), true);
    if (least.peakBytes() > limit.bytes()) {
      PlanTable.lines(least, limit).forEach(spec.commandLine().getOut()::println);
    }
    return planner.choose();
  }

  private Compute compute() {
    if (gpuMemory == null) {
      return Compute.of(device.choice(System.getenv()), Engine::findGpu);
    }
    return new Compute(new Gpu(bytes("--gpu-memory", gpuMemory), 8, 0));
  }

  private MemoryLimit limit(Compute compute, MemoryLimit host) {
    Gpu gpu = compute.gpu();
    if (gpu == null) {
      return host;
    }
    return gpuMemory == null
        ? compute.memoryLimit()
        : new MemoryLimit(gpu.memoryBytes(), "--gpu-memory", MemoryLimit.Place.GPU);
  }

  private static long bytes(String option, String text) {
    Matcher size = SIZE.matcher(text);
    if (!size.matches()) {
      throw new InvalidConfiguration(option + ": must be a size such as 16Gi, was " + text);
    }
    long unit = 1L << (10 * " KMGT".indexOf((size.group(2) + " ").charAt(0)));
    return Long.parseLong(size.group(1)) * unit;
  }
}
