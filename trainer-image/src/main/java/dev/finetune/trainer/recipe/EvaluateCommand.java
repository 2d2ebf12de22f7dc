package dev.finetune.trainer.recipe;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.run.RunJson;
import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.trainer.data.ExampleReader;
import dev.finetune.trainer.data.ExampleSet;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.plan.Planner;
import dev.finetune.trainer.source.Sources;
import dev.finetune.trainer.train.HeldOut;
import java.nio.file.Path;
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

  @Option(
      names = "--format",
      paramLabel = "alpaca|promptCompletion|text|tokens",
      description = "How rows are read. Default: alpaca.")
  private String format = "alpaca";

  @Option(
      names = "--max-length",
      paramLabel = "N",
      description = "Tokens at which an example is cut. Default: 1024.")
  private int maxLength = 1024;

  @Override
  public Integer call() {
    DatasetFormat parsed = parsedFormat();
    if (maxLength < 2) {
      throw new InvalidConfiguration("--max-length: must be at least 2, was " + maxLength);
    }
    try (Sources sources = BaseModelOptions.sources(spec.commandLine().getErr()::println)) {
      return evaluate(sources, parsed);
    }
  }

  private int evaluate(Sources sources, DatasetFormat parsed) {
    Path file = BaseModelOptions.fetch(sources, "--data", data);
    try (BaseModelOptions.Loaded loaded = models.load(sources)) {
      ExampleSet rows =
          new ExampleReader(
                  loaded.base().tokenizer(),
                  parsed,
                  maxLength,
                  loaded.base().config().vocabularySize())
              .read(file);
      double loss =
          new HeldOut(
                  loaded.kernels(),
                  loaded.model(),
                  loaded.adapter(),
                  loaded.model().loss(loaded.adapter()))
              .measure(rows.examples(), Math.max(maxLength, Planner.FULL_SPEED_TOKENS), () -> false)
              .orElseThrow()
              .loss();
      Map<String, Object> result = new TreeMap<>();
      result.put("loss", loss);
      result.put("rows", rows.examples().size());
      result.put("supervisedTokens", rows.report().supervisedTokens());
      spec.commandLine().getOut().println(RunJson.writeLine(result));
    }
    return ExitCode.DONE.code();
  }

  private DatasetFormat parsedFormat() {
    return switch (format) {
      case "alpaca" -> DatasetFormat.ALPACA;
      case "promptCompletion" -> DatasetFormat.PROMPT_COMPLETION;
      case "text" -> DatasetFormat.TEXT;
      case "tokens" -> DatasetFormat.TOKENS;
      default ->
          throw new InvalidConfiguration(
              "--format: must be alpaca, promptCompletion, text or tokens, was " + format);
    };
  }
}
