package dev.finetune.trainer.data;

/**
 * The prompt that Alpaca models are trained and asked with. The answer follows it directly.
 *
 * @see <a href="https://github.com/tatsu-lab/stanford_alpaca#data-release">Stanford Alpaca</a>
 */
public final class AlpacaPrompt {
  private static final String WITH_INPUT =
      "Below is an instruction that describes a task, paired with an input that provides further "
          + "context. Write a response that appropriately completes the request.\n\n";
  private static final String WITHOUT_INPUT =
      "Below is an instruction that describes a task. Write a response that appropriately "
          + "completes the request.\n\n";

  private AlpacaPrompt() {}

  /** Returns the prompt, which ends after the line {@code ### Response:}. */
  public static String of(String instruction, String input) {
    return of(dev.finetune.api.spec.AlpacaPrompt.NEWLINE, instruction, input);
  }

  /**
   * Returns the prompt.
   *
   * @param variant how it is written
   * @param input may be empty; then the prompt has no place for it
   */
  public static String of(
      dev.finetune.api.spec.AlpacaPrompt variant, String instruction, String input) {
    String response = "\n\n### Response:" + ending(variant);
    if (input.isEmpty()) {
      return WITHOUT_INPUT + "### Instruction:\n" + instruction + response;
    }
    return switch (variant) {
      case LLAMA_FACTORY ->
          WITHOUT_INPUT + "### Instruction:\n" + instruction + "\n" + input + response;
      case NEWLINE, SPACE, BARE ->
          WITH_INPUT + "### Instruction:\n" + instruction + "\n\n### Input:\n" + input + response;
    };
  }

  /** Returns what follows the EOS of an answer and is learned too. */
  static String afterEos(dev.finetune.api.spec.AlpacaPrompt variant) {
    return switch (variant) {
      case LLAMA_FACTORY -> "\n\n";
      case NEWLINE, SPACE, BARE -> "";
    };
  }

  /**
   * Returns whether the prompt ends in a blank, which most tokenizers make one token of with the
   * word that follows; the two are tokenized apart then, as qlora.py does.
   */
  static boolean endsInBlank(dev.finetune.api.spec.AlpacaPrompt variant) {
    return switch (variant) {
      case SPACE -> true;
      case NEWLINE, BARE, LLAMA_FACTORY -> false;
    };
  }

  private static String ending(dev.finetune.api.spec.AlpacaPrompt variant) {
    return switch (variant) {
      case NEWLINE, LLAMA_FACTORY -> "\n";
      case SPACE -> " ";
      case BARE -> "";
    };
  }
}
