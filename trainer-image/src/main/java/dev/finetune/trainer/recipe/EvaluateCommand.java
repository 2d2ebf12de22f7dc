package dev.finetune.trainer.recipe;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.api.spec.OnProblem;
import dev.finetune.api.spec.Task;
import dev.finetune.trainer.audit.AuditReport;
import dev.finetune.trainer.audit.AuditSettings;
import dev.finetune.trainer.audit.SettingNames;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.ExampleReader;
import dev.finetune.trainer.plan.Planner;
import dev.finetune.trainer.source.Sources;
import dev.finetune.trainer.tokenizer.Tokenizer;
import dev.finetune.trainer.train.HeldOut;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Measures the loss of a data set, with or without an adapter. */
@Command(
    name = "evaluate",
    mixinStandardHelpOptions = true,
    description = "Measures the loss of a data set in nats per supervised token; prints JSON.")
final class EvaluateCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private BaseModelOptions models = new BaseModelOptions();

  @Option(
      names = "--data",
      required = true,
      paramLabel = "FILE",
      description = "The rows: a path, or a URI with file: or s3:.")
  private String data = "";

  @Mixin private RowOptions rows = new RowOptions();

  @Override
  public Integer call() {
    DatasetFormat format = rows.format();
    int maxLength = rows.maxLength();
    OnProblem policy = rows.onProblem(null);
    try (Sources sources = BaseModelOptions.sources(spec.commandLine().getErr()::println)) {
      Path file = BaseModelOptions.fetch(sources, "--data", data);
      try (BaseModelOptions.Loaded loaded = models.load(sources)) {
        Tokenizer tokenizer = loaded.base().tokenizer();
        List<Example> examples = new ArrayList<>();
        AuditReport audit =
            AuditReport.of(
                new ExampleReader(tokenizer, format, loaded.base().config().vocabularySize()),
                AuditSettings.of(
                    maxLength, policy, SettingNames.OF_OPTIONS, tokenizer, Task.CAUSAL_LM),
                new AuditReport.Files(file, null),
                examples::add,
                _ -> {});
        audit.requireUsable();
        print(audit, loss(loaded, examples, maxLength));
      }
    }
    return ExitCode.DONE.code();
  }

  private static double loss(
      BaseModelOptions.Loaded loaded, List<Example> examples, int maxLength) {
    return new HeldOut(
            loaded.kernels(),
            loaded.model(),
            loaded.adapter(),
            loaded.model().loss(loaded.adapter()))
        .measure(examples, Math.max(maxLength, Planner.FULL_SPEED_TOKENS), () -> false)
        .orElseThrow()
        .loss();
  }

  private void print(AuditReport audit, double loss) {
    Map<String, Object> result = new TreeMap<>();
    result.put("loss", loss);
    result.put("rows", audit.train().kept());
    result.put("supervisedTokens", audit.train().supervisedTokens());
    result.put("rowsLeftOut", audit.train().rows() - audit.train().kept());
    result.put("rowsCut", audit.train().cut());
    spec.commandLine().getOut().println(RunJson.writeLine(result));
  }
}
