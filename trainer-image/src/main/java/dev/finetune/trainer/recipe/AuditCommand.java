package dev.finetune.trainer.recipe;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.LabeledSubwords;
import dev.finetune.api.spec.OnProblem;
import dev.finetune.api.spec.ProblemType;
import dev.finetune.api.spec.Task;
import dev.finetune.trainer.audit.AuditReport;
import dev.finetune.trainer.audit.AuditSettings;
import dev.finetune.trainer.audit.AuditText;
import dev.finetune.trainer.audit.SettingNames;
import dev.finetune.trainer.audit.TokenListing;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.ExampleReader;
import dev.finetune.trainer.data.LabelNames;
import dev.finetune.trainer.data.Labeling;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.rows.RowSource;
import dev.finetune.trainer.source.Sources;
import dev.finetune.trainer.storage.StorageSettings;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Looks at the rows of a data set token by token, without training. */
@Command(
    name = "audit",
    mixinStandardHelpOptions = true,
    description =
        "Reads the data of a job, or --data for --model, and tells what is wrong with it. Ends with"
            + " 42 if a run would not begin with it.")
final class AuditCommand implements Callable<Integer> {
  private static final int MOST_SHOWN = 1000;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Option(
      names = "--job",
      paramLabel = "FILE",
      description = "The FineTuneJob, YAML or JSON, which says everything but --show and --json.")
  private @Nullable Path job;

  @Option(
      names = "--model",
      paramLabel = "URI",
      description = "The base model, whose tokenizer is used: a URI or a path.")
  private @Nullable String model;

  @Option(
      names = "--data",
      paramLabel = "FILE",
      description =
          "Rows to train on: a path, or a URI with file:, s3: or hf:; several files by a *.")
  private @Nullable String data;

  @Option(
      names = "--eval-data",
      paramLabel = "FILE",
      description = "Rows to hold out, which none of the rows to train on may be among.")
  private @Nullable String evalData;

  @Mixin private RowOptions rows = new RowOptions();

  @Option(
      names = "--leaked",
      paramLabel = "fail|drop|keep",
      description = "What is done about a row to train on that is held out too. Default: fail.")
  private @Nullable String leaked;

  @Option(
      names = "--problem-type",
      paramLabel = "singleLabel|multiLabel|regression",
      description = "Format labeledText: what a text has. Default: singleLabel.")
  private String problemType = "singleLabel";

  @Option(
      names = "--show",
      paramLabel = "N",
      description = "Prints the first N rows to train on, token by token.")
  private int show;

  @Option(names = "--json", description = "Prints JSON.")
  private boolean json;

  @Override
  public Integer call() {
    if (show < 0 || show > MOST_SHOWN) {
      throw new InvalidConfiguration(
          "--show: must be from 0 to %d, was %d".formatted(MOST_SHOWN, show));
    }
    if (show > 0 && json) {
      throw new InvalidConfiguration("--show: may not be beside --json");
    }
    if (job == null) {
      auditRows();
    } else {
      auditJob(job);
    }
    return ExitCode.DONE.code();
  }

  private void auditJob(Path file) {
    if (model != null || data != null || evalData != null || leaked != null || rows.given()) {
      throw new InvalidConfiguration(
          "--job: says which model and data and what is done about problems, so only --show and"
              + " --json may be beside it");
    }
    FineTuneJobSpec asked = JobOption.read(file).spec();
    Environment environment = new Environment(System.getenv());
    StorageSettings settings = StorageSettings.of(asked.storage(), environment.variables());
    try (InputFiles files =
        InputFiles.fetch(
            asked, settings, environment, spec.commandLine().getErr()::println, Map.of())) {
      Labeling labeling = Classifier.labeling(asked);
      audit(
          files.reader(asked, labeling),
          files.auditSettings(asked),
          files.data(asked, labeling),
          new TokenListing(files.base().tokenizer()));
    }
  }

  private void auditRows() {
    if (model == null || data == null) {
      throw new InvalidConfiguration("give either --job, or --model and --data");
    }
    DatasetFormat format = rows.format();
    int maxLength = rows.maxLength();
    OnProblem policy = rows.onProblem(leaked);
    try (Sources sources = BaseModelOptions.sources(spec.commandLine().getErr()::println);
        BaseModel base = BaseModel.open(BaseModelOptions.fetchModel(sources, "--model", model))) {
      RowSource train = BaseModelOptions.fetchRows(sources, "--data", data);
      RowSource eval =
          evalData == null ? null : BaseModelOptions.fetchRows(sources, "--eval-data", evalData);
      Tokenizer tokenizer = base.tokenizer();
      audit(
          reader(base, format),
          AuditSettings.of(maxLength, policy, SettingNames.OF_OPTIONS, tokenizer, task(format)),
          new AuditReport.Files(train, List.of(), eval),
          new TokenListing(tokenizer));
    }
  }

  private ExampleReader reader(BaseModel base, DatasetFormat format) {
    return switch (format) {
      case LABELED_TEXT, LABELED_TOKENS ->
          new ExampleReader(
              base.tokenizer(),
              format,
              new Labeling(LabelNames.collecting(), problemType(format), LabeledSubwords.FIRST));
      case ALPACA, PROMPT_COMPLETION, TEXT, TOKENS, CHAT ->
          new ExampleReader(base.tokenizer(), format, base.config().vocabularySize());
    };
  }

  private ProblemType problemType(DatasetFormat format) {
    ProblemType asked =
        switch (problemType) {
          case "singleLabel" -> ProblemType.SINGLE_LABEL;
          case "multiLabel" -> ProblemType.MULTI_LABEL;
          case "regression" -> ProblemType.REGRESSION;
          default ->
              throw new InvalidConfiguration(
                  "--problem-type: must be singleLabel, multiLabel or regression, was "
                      + problemType);
        };
    if (format == DatasetFormat.LABELED_TOKENS && asked != ProblemType.SINGLE_LABEL) {
      throw new InvalidConfiguration("--problem-type: must be singleLabel for labeledTokens");
    }
    return asked;
  }

  private static Task task(DatasetFormat format) {
    return switch (format) {
      case LABELED_TEXT -> Task.SEQUENCE_CLASSIFICATION;
      case LABELED_TOKENS -> Task.TOKEN_CLASSIFICATION;
      case ALPACA, PROMPT_COMPLETION, TEXT, TOKENS, CHAT -> Task.CAUSAL_LM;
    };
  }

  private void audit(
      ExampleReader reader, AuditSettings settings, AuditReport.Files files, TokenListing listing) {
    List<Example> shown = new ArrayList<>();
    AuditReport report =
        AuditReport.of(
            reader,
            settings,
            files,
            example -> {
              if (shown.size() < show) {
                shown.add(example);
              }
            },
            _ -> {});
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.print(new String(RunJson.write(report), StandardCharsets.UTF_8));
      out.flush();
    } else {
      AuditText.lines(report).forEach(out::println);
      shown.forEach(
          example -> listing.lines(example, reader.labels(example)).forEach(out::println));
    }
    report.requireUsable();
  }
}
