package dev.finetune.trainer.recipe;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.api.spec.LabeledSubwords;
import dev.finetune.api.spec.Metric;
import dev.finetune.api.spec.OnProblem;
import dev.finetune.api.spec.Task;
import dev.finetune.trainer.audit.AuditReport;
import dev.finetune.trainer.audit.AuditSettings;
import dev.finetune.trainer.audit.SettingNames;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.ExampleReader;
import dev.finetune.trainer.data.LabelNames;
import dev.finetune.trainer.data.Labeling;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.metrics.Measured;
import dev.finetune.trainer.plan.Planner;
import dev.finetune.trainer.rows.RowSource;
import dev.finetune.trainer.source.Sources;
import dev.finetune.trainer.tokenizer.Tokenizer;
import dev.finetune.trainer.train.Evaluated;
import dev.finetune.trainer.train.HeldOut;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Measures a data set, with or without an adapter, by the task of the adapter. */
@Command(
    name = "evaluate",
    mixinStandardHelpOptions = true,
    description =
        "Measures the loss of a data set in nats per supervised token, or by the head of a"
            + " classifier, and the metrics of the task with their intervals; prints JSON.")
final class EvaluateCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private BaseModelOptions models = new BaseModelOptions();

  @Option(
      names = "--data",
      required = true,
      paramLabel = "FILE",
      description = "The rows: a path, or a URI with file:, s3: or hf:; several files by a *.")
  private String data = "";

  @Mixin private RowOptions rows = new RowOptions();

  @Option(
      names = "--task",
      paramLabel = "TASK",
      description =
          "CausalLM, SequenceClassification or TokenClassification. Default: that of the adapter,"
              + " which it must be.")
  private @Nullable String task;

  @Option(
      names = "--subwords",
      paramLabel = "first|all",
      description = "TokenClassification: which sub-words carry a label. Default: first.")
  private String subwords = "first";

  @Override
  public Integer call() {
    int maxLength = rows.maxLength();
    OnProblem policy = rows.onProblem(null);
    try (Sources sources = BaseModelOptions.sources(spec.commandLine().getErr()::println)) {
      RowSource file = BaseModelOptions.fetchRows(sources, "--data", data);
      try (BaseModelOptions.Loaded loaded = models.loadAny(sources)) {
        Classifier classifier = loaded.classifier();
        Task found = classifier == null ? Task.CAUSAL_LM : classifier.labels().task();
        requireTask(found);
        List<Example> examples = new ArrayList<>();
        AuditReport audit =
            AuditReport.of(
                reader(loaded, classifier),
                AuditSettings.of(
                    maxLength, policy, SettingNames.OF_OPTIONS, loaded.base().tokenizer(), found),
                new AuditReport.Files(file, List.of(), null),
                examples::add,
                _ -> {});
        audit.requireUsable();
        print(audit, measured(loaded, examples, maxLength));
      }
    }
    return ExitCode.DONE.code();
  }

  private void requireTask(Task found) {
    String name =
        switch (found) {
          case CAUSAL_LM -> "CausalLM";
          case SEQUENCE_CLASSIFICATION -> "SequenceClassification";
          case TOKEN_CLASSIFICATION -> "TokenClassification";
        };
    if (task != null && !task.equals(name)) {
      throw new InvalidConfiguration(
          "--task: must be that of the adapter, %s, was %s".formatted(name, task));
    }
  }

  private ExampleReader reader(BaseModelOptions.Loaded loaded, @Nullable Classifier classifier) {
    Tokenizer tokenizer = loaded.base().tokenizer();
    if (classifier == null) {
      return new ExampleReader(tokenizer, rows.format(), loaded.base().config().vocabularySize());
    }
    DatasetFormat usual =
        classifier.labels().task() == Task.TOKEN_CLASSIFICATION
            ? DatasetFormat.LABELED_TOKENS
            : DatasetFormat.LABELED_TEXT;
    LabeledSubwords carriers =
        switch (subwords) {
          case "first" -> LabeledSubwords.FIRST;
          case "all" -> LabeledSubwords.ALL;
          default ->
              throw new InvalidConfiguration("--subwords: must be first or all, was " + subwords);
        };
    DatasetFormat format = rows.format(usual);
    if (format != usual) {
      throw new InvalidConfiguration(
          "--format: must be %s for this adapter, was %s"
              .formatted(ExampleReader.name(usual), ExampleReader.name(format)));
    }
    LabelNames names = LabelNames.known(classifier.labels().labels());
    return new ExampleReader(
        tokenizer, format, new Labeling(names, classifier.labels().problem(), carriers));
  }

  private static Measured measured(
      BaseModelOptions.Loaded loaded, List<Example> examples, int maxLength) {
    HeldOut heldOut =
        new HeldOut(loaded.kernels(), loaded.model(), loaded.adapter(), loaded.objective());
    Evaluated evaluated =
        heldOut
            .measure(examples, Math.max(maxLength, Planner.FULL_SPEED_TOKENS), () -> false)
            .orElseThrow();
    return Objects.requireNonNull(evaluated.measured());
  }

  private void print(AuditReport audit, Measured measured) {
    Map<String, Object> result = new TreeMap<>();
    result.put("loss", measured.values().get(Metric.LOSS));
    result.put("rows", audit.train().kept());
    result.put("supervisedTokens", audit.train().supervisedTokens());
    result.put("rowsLeftOut", audit.train().rows() - audit.train().kept());
    result.put("rowsCut", audit.train().cut());
    result.put("measured", measured);
    spec.commandLine().getOut().println(RunJson.writeLine(result));
  }
}
