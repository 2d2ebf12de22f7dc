package dev.finetune.trainer.recipe;

import dev.finetune.api.run.ExitCode;
import dev.finetune.trainer.data.AlpacaPrompt;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.generate.GreedyGenerator;
import dev.finetune.trainer.source.Sources;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Goes on from a prompt, with or without an adapter. */
@Command(
    name = "generate",
    mixinStandardHelpOptions = true,
    description = "Goes on from a prompt with the likeliest token each time.")
final class GenerateCommand implements Callable<Integer> {
  @Spec private CommandSpec spec = CommandSpec.create();

  @Mixin private BaseModelOptions models = new BaseModelOptions();

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
      names = "--max-tokens",
      paramLabel = "N",
      description = "Most tokens to generate. Default: 128.")
  private int maxTokens = 128;

  @Override
  public Integer call() {
    if (maxTokens < 1) {
      throw new InvalidConfiguration("--max-tokens: must be at least 1, was " + maxTokens);
    }
    String text =
        switch (format) {
          case "text" -> prompt;
          case "alpaca" -> AlpacaPrompt.of(prompt, "");
          default ->
              throw new InvalidConfiguration("--format: must be text or alpaca, was " + format);
        };
    try (Sources sources = BaseModelOptions.sources(spec.commandLine().getErr()::println);
        BaseModelOptions.Loaded loaded = models.load(sources)) {
      Tokenizer tokenizer = loaded.base().tokenizer();
      int[] ids = promptIds(tokenizer, text);
      GreedyGenerator generator =
          new GreedyGenerator(loaded.kernels(), loaded.model(), loaded.adapter());
      int[] answer = generator.generate(ids, maxTokens, id -> id == tokenizer.eosId());
      spec.commandLine().getOut().println(tokenizer.decode(answer, true));
    }
    return ExitCode.DONE.code();
  }

  private static int[] promptIds(Tokenizer tokenizer, String text) {
    int[] ids = tokenizer.encode(text);
    int bos = tokenizer.addsBos() ? 1 : 0;
    int[] withBos = new int[bos + ids.length];
    if (bos == 1) {
      withBos[0] = tokenizer.bosId().orElseThrow();
    }
    System.arraycopy(ids, 0, withBos, bos, ids.length);
    if (withBos.length == 0) {
      throw new InvalidConfiguration("--prompt: must have at least one token");
    }
    return withBos;
  }
}
