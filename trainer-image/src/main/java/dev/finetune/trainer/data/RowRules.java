package dev.finetune.trainer.data;

import dev.finetune.api.spec.AlpacaPrompt;
import dev.finetune.api.spec.Dataset;
import dev.finetune.api.spec.DatasetFormat;
import dev.finetune.api.spec.LossOn;
import dev.finetune.trainer.chat.ChatTemplate;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.tokenizer.Tokenizer;
import org.jspecify.annotations.Nullable;

/**
 * How rows become examples.
 *
 * @param format how they are read
 * @param alpacaPrompt how the prompt of format {@code alpaca} is written
 * @param lossOn which tokens are learned, where the format leaves a choice
 * @param chatTemplate template of format {@code chat}, or null for the tokenizer's
 */
public record RowRules(
    DatasetFormat format, AlpacaPrompt alpacaPrompt, LossOn lossOn, @Nullable String chatTemplate) {
  /** Returns the rules of a format where a job says nothing else. */
  public static RowRules of(DatasetFormat format) {
    return new RowRules(format, AlpacaPrompt.NEWLINE, LossOn.ANSWERS, null);
  }

  /**
   * Returns what a job says of the rows of one of its sources.
   *
   * @param format how the rows of the source are read
   * @throws InvalidConfiguration if the job has a setting that the format has no use for
   */
  public static RowRules of(Dataset dataset, DatasetFormat format) {
    LossOn lossOn = dataset.lossOn();
    AlpacaPrompt alpaca = dataset.alpacaPrompt();
    boolean alone = dataset.mixture() == null;
    switch (format) {
      case ALPACA, PROMPT_COMPLETION, CHAT, TEXT -> {
        // Each token is of a prompt or of an answer.
      }
      case TOKENS, LABELED_TEXT, LABELED_TOKENS -> {
        if (lossOn != null && alone) {
          throw new InvalidConfiguration(
              "spec.dataset.lossOn: rows of format %s have labels of their own, was %s"
                  .formatted(ExampleReader.name(format), lossOn));
        }
      }
    }
    if (alpaca != null && alone && format != DatasetFormat.ALPACA) {
      throw new InvalidConfiguration(
          "spec.dataset.alpacaPrompt: is for format alpaca, the format was "
              + ExampleReader.name(format));
    }
    return new RowRules(
        format,
        alpaca == null ? AlpacaPrompt.NEWLINE : alpaca,
        lossOn == null ? LossOn.ANSWERS : lossOn,
        dataset.chatTemplate());
  }

  /** Returns the chat template; for training, so that it is the same on every day. */
  ChatTemplate template(Tokenizer tokenizer) {
    return ChatTemplate.of(tokenizer, chatTemplate, () -> ChatTemplate.TRAINING_DAY);
  }
}
