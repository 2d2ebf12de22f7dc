package dev.finetune.trainer.recipe;

import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.data.AlpacaPrompt;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.generate.Generator;
import dev.finetune.trainer.generate.Sampling;
import dev.finetune.trainer.generate.StopTokens;
import dev.finetune.trainer.generate.StreamedText;
import dev.finetune.trainer.source.Sources;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Goes on from a prompt, with or without an adapter. */
@Command(
    name = "generate",
    mixinStandardHelpOptions = true,
    description =
        "Goes on from a prompt and prints the text as it comes, then on the error output how fast"
            + " it was. An adapter is merged into the weights in memory.")
final class GenerateCommand implements Callable<Integer> {
  private static final double NANOS = 1e9;

  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private BaseModelOptions models = new BaseModelOptions();

  @Mixin private SamplingOptions sampling = new SamplingOptions();

  @Option(
      names = "--prompt",
      required = true,
      paramLabel = "TEXT",
      description = "The prompt; an instruction with --format alpaca.")
  private String prompt = "";

  @Option(
      names = "--format",
      paramLabel = "text|alpaca",
      description = "alpaca puts the prompt into the form that alpaca data is trained in.")
  private String format = "text";

  @Option(
      names = "--chat",
      description =
          "Puts the prompt as the user's message into the chat template: the one beside the"
              + " adapter, else the model's.")
  private boolean chat;

  @Option(
      names = "--system",
      paramLabel = "TEXT",
      description = "The system's message, with --chat. Default: none of its own.")
  private @Nullable String system;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      description = "Most tokens to generate. Default: 128.")
  private int maxTokens = 128;

  @Override
  public Integer call() {
    if (maxTokens < 1 || maxTokens > 1 << 20) {
      throw new InvalidConfiguration("--max-tokens: must be 1 to 1048576, was " + maxTokens);
    }
    Sampling choice = sampling.sampling();
    String text = formatted();
    PrintWriter errors = spec.commandLine().getErr();
    try (Sources sources = BaseModelOptions.sources(errors::println);
        BaseModelOptions.Loaded loaded = models.loadMerged(sources)) {
      Tokenizer tokenizer = loaded.base().tokenizer();
      int[] ids =
          chat
              ? ids(loaded, templated(loaded, models.adapterFolder(sources)), false)
              : ids(loaded, text, tokenizer.addsBos());
      Generator.Generated generated =
          generate(loaded, ids, StopTokens.of(loaded.place(), tokenizer), choice);
      errors.println(speed(generated));
    }
    return ExitCode.DONE.code();
  }

  private String formatted() {
    if (chat && !format.equals("text")) {
      throw new InvalidConfiguration("--format: must be text with --chat, was " + format);
    }
    if (system != null && !chat) {
      throw new InvalidConfiguration("--system: needs --chat");
    }
    return switch (format) {
      case "text" -> prompt;
      case "alpaca" -> AlpacaPrompt.of(prompt, "");
      default -> throw new InvalidConfiguration("--format: must be text or alpaca, was " + format);
    };
  }

  private String templated(BaseModelOptions.Loaded loaded, @Nullable Path adapter) {
    return ChatText.require(loaded.base(), adapter)
        .render(loaded.base().tokenizer(), system, prompt);
  }

  private Generator.Generated generate(
      BaseModelOptions.Loaded loaded, int[] ids, Set<Integer> stops, Sampling choice) {
    PrintWriter out = spec.commandLine().getOut();
    StreamedText text =
        new StreamedText(
            loaded.base().tokenizer(),
            piece -> {
              out.print(piece);
              out.flush();
            });
    Generator.Generated generated =
        new Generator(loaded.kernels(), loaded.model(), loaded.adapter())
            .generate(ids, maxTokens, stops::contains, choice, text);
    text.end();
    out.println();
    return generated;
  }

  /** The last token costs no pass. */
  static String speed(Generator.Generated generated) {
    int passes = generated.stopped() ? generated.tokens().length : generated.tokens().length - 1;
    String rate =
        passes == 0
            ? ""
            : String.format(
                Locale.ROOT, ", %.1f tokens/s", passes * NANOS / generated.tokenNanos());
    return String.format(
        Locale.ROOT,
        "%d tokens%s after %.2f s for the prompt%s",
        generated.tokens().length,
        rate,
        generated.promptNanos() / NANOS,
        generated.stopped() ? "" : "; ended by the limit");
  }

  /** A chat template has BOS in its text. */
  private static int[] ids(BaseModelOptions.Loaded loaded, String text, boolean addBos) {
    Tokenizer tokenizer = loaded.base().tokenizer();
    int[] ids = tokenizer.encode(text);
    if (addBos) {
      int[] withBos = new int[1 + ids.length];
      withBos[0] = tokenizer.bosId().orElseThrow();
      System.arraycopy(ids, 0, withBos, 1, ids.length);
      ids = withBos;
    }
    if (ids.length == 0) {
      throw new InvalidConfiguration("--prompt: must have at least one token");
    }
    int most = loaded.base().config().maxPositions();
    if (ids.length > most) {
      throw new InvalidConfiguration(
          "--prompt: must have at most %d tokens for this model, had %d"
              .formatted(most, ids.length));
    }
    return ids;
  }
}
