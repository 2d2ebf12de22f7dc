package dev.finetune.trainer.recipe;

import dev.finetune.api.run.ExitCode;
import dev.finetune.api.spec.Quantization;
import dev.finetune.trainer.checkpoint.AdapterFiles;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.merge.MergedModel;
import dev.finetune.trainer.source.Sources;
import dev.finetune.trainer.weights.ElementType;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Makes one model of a base model and an adapter. */
@Command(
    name = "merge",
    mixinStandardHelpOptions = true,
    description =
        "Merges an adapter into its base model, tensor by tensor, and measures how far the logits"
            + " of the result are from those of base model and adapter.")
final class MergeCommand implements Callable<Integer> {
  private static final Pattern SIZE = Pattern.compile("(\\d{1,9})(KB|MB|GB)");

  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private AdapterOptions inputs = new AdapterOptions();

  @Option(
      names = "--out",
      required = true,
      paramLabel = "FOLDER",
      description = "The folder to write; nothing in it is overwritten.")
  private Path out = Path.of("");

  @Option(
      names = "--dtype",
      paramLabel = "bf16|fp16|fp32",
      description = "Type of the merged weights. Default: bf16.")
  private String dtype = "bf16";

  @Option(
      names = "--max-shard-size",
      paramLabel = "SIZE",
      description = "Size at which weights go to another file, as in 500MB. Default: 5GB.")
  private String maxShardSize = "5GB";

  @Option(
      names = "--check",
      paramLabel = "fp32|bf16|none",
      description =
          "Precision in which the models are compared, each in memory in its turn; none does"
              + " without. Default: fp32.")
  private String check = "fp32";

  @Override
  public Integer call() {
    MergedModel merged = new MergedModel(parsedType(), shardBytes(maxShardSize));
    MergeCheck.Precision precision = MergeCheck.Precision.parse("--check", check);
    MergedModel.requireEmpty("--out", out);
    PrintWriter errors = spec.commandLine().getErr();
    try (Sources sources = BaseModelOptions.sources(errors::println);
        AdapterOptions.Opened opened = inputs.open(sources)) {
      Quantization trained =
          AdapterFiles.quantization(opened.adapter().resolve(AdapterFiles.WEIGHTS)).orElse(null);
      MergeCheck measured = new MergeCheck(opened, precision);
      measured.runUnmerged(trained);
      opened.mergeWith(
          weights -> merged.write(opened.place(), opened.base(), weights, opened.adapter(), out));
      PrintWriter console = spec.commandLine().getOut();
      console.printf(
          Locale.ROOT, "Merged %s into %s: %s%n", opened.adapter(), opened.base().name(), out);
      measured.compare(out, trained).forEach(console::println);
    }
    return ExitCode.DONE.code();
  }

  private ElementType parsedType() {
    return switch (dtype) {
      case "bf16" -> ElementType.BF16;
      case "fp16" -> ElementType.F16;
      case "fp32" -> ElementType.F32;
      default ->
          throw new InvalidConfiguration("--dtype: must be bf16, fp16 or fp32, was " + dtype);
    };
  }

  static long shardBytes(String text) {
    Matcher size = SIZE.matcher(text);
    if (!size.matches() || Long.parseLong(size.group(1)) == 0) {
      throw new InvalidConfiguration(
          "--max-shard-size: must be a whole number from 1 with KB, MB or GB, as 500MB, was "
              + text);
    }
    long unit =
        switch (size.group(2)) {
          case "KB" -> 1_000;
          case "MB" -> 1_000_000;
          default -> 1_000_000_000;
        };
    return Long.parseLong(size.group(1)) * unit;
  }
}
