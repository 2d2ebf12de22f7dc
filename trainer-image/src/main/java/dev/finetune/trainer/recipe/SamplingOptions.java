package dev.finetune.trainer.recipe;

import dev.finetune.trainer.generate.Sampling;
import picocli.CommandLine.Option;

/** The options that say how the next token is chosen. */
final class SamplingOptions {
  @Option(
      names = "--temperature",
      paramLabel = "T",
      description = "Logits are divided by it; 0 takes the likeliest token. Default: 0.")
  private double temperature;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      description = "Most tokens to choose from; 0 for all. Default: 0.")
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description =
          "Choose from the likeliest tokens that together have probability P. Default: 1.")
  private double topP = 1;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "X",
      description = "Makes tokens of the text less likely; 1 for none. Default: 1.")
  private double repetitionPenalty = 1;

  @Option(names = "--seed", paramLabel = "N", description = "Seed of the choice. Default: 0.")
  private long seed;

  Sampling sampling() {
    return new Sampling(temperature, topK, topP, repetitionPenalty, seed);
  }
}
