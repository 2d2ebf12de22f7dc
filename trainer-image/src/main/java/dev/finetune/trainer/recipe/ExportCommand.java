package dev.finetune.trainer.recipe;

import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.checkpoint.AdapterFiles;
import dev.finetune.trainer.export.GgufAdapter;
import dev.finetune.trainer.export.GgufModel;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.source.Sources;
import dev.finetune.trainer.weights.BlockEncoder;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Writes an adapter, or the model that it makes of its base model, for other programs. */
@Command(
    name = "export",
    mixinStandardHelpOptions = true,
    description =
        "Writes the merged model, or the adapter alone, as GGUF for llama.cpp and what is made of"
            + " it.")
final class ExportCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private AdapterOptions inputs = new AdapterOptions();

  @Option(
      names = "--out",
      required = true,
      paramLabel = "FILE",
      description = "The file to write; it must not exist.")
  private Path out = Path.of("");

  @Option(names = "--format", paramLabel = "gguf", description = "Format. Default: gguf.")
  private String format = "gguf";

  @Option(
      names = "--content",
      paramLabel = "merged|adapter",
      description = "The merged model, or the adapter alone. Default: merged.")
  private String content = "merged";

  @Option(
      names = "--type",
      paramLabel = "F32|F16|Q8_0|Q4_0",
      description =
          "Type of the linear layers; of an adapter F32 or F16. Default: F16, of an adapter F32.")
  private @Nullable String type;

  @Option(
      names = "--check",
      paramLabel = "fp32|bf16|none",
      description =
          "Precision in which the merged model is compared with base model and adapter. Default:"
              + " fp32.")
  private String check = "fp32";

  @Override
  public Integer call() {
    if (!format.equals("gguf")) {
      throw new InvalidConfiguration("--format: must be gguf, was " + format);
    }
    boolean adapterAlone =
        switch (content) {
          case "merged" -> false;
          case "adapter" -> true;
          default ->
              throw new InvalidConfiguration(
                  "--content: must be merged or adapter, was " + content);
        };
    BlockEncoder encoder = encoder(adapterAlone);
    MergeCheck.Precision precision = MergeCheck.Precision.parse("--check", check);
    if (Files.exists(out)) {
      throw new InvalidConfiguration("--out: %s exists; nothing is overwritten".formatted(out));
    }
    PrintWriter console = spec.commandLine().getOut();
    try (Sources sources = BaseModelOptions.sources(spec.commandLine().getErr()::println);
        AdapterOptions.Opened opened = inputs.open(sources)) {
      if (adapterAlone) {
        new GgufAdapter(encoder)
            .write(
                opened.base().name(),
                opened.base().config(),
                opened.config().settings(),
                opened.shape(),
                opened.adapter().resolve(AdapterFiles.WEIGHTS),
                out);
        console.println("Wrote the adapter: " + out);
      } else {
        MergeCheck measured = new MergeCheck(opened, precision);
        measured.runUnmerged(null);
        ChatText template = ChatText.find(opened.base(), opened.adapter());
        String jinja = template == null ? null : template.text();
        opened.mergeWith(
            weights -> new GgufModel(encoder).write(opened.base(), weights, jinja, out));
        console.printf("Wrote the merged model in %s: %s%n", encoder, out);
        measured.compare(out, null).forEach(console::println);
      }
    }
    return ExitCode.DONE.code();
  }

  private BlockEncoder encoder(boolean adapterAlone) {
    List<BlockEncoder> allowed =
        adapterAlone
            ? List.of(BlockEncoder.F32, BlockEncoder.F16)
            : Arrays.asList(BlockEncoder.values());
    if (type == null) {
      return adapterAlone ? BlockEncoder.F32 : BlockEncoder.F16;
    }
    for (BlockEncoder encoder : allowed) {
      if (encoder.name().equals(type)) {
        return encoder;
      }
    }
    throw new InvalidConfiguration(
        "--type: must be %s, was %s"
            .formatted(
                allowed.stream().map(BlockEncoder::name).collect(Collectors.joining(" or ")),
                type));
  }
}
