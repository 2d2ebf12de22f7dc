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

  /**
   * Returns the prompt, which ends after the line {@code ### Response:}.
   *
   * @param input may be empty; then the prompt has no place for it
   */
  public static String of(String instruction, String input) {
    if (input.isEmpty()) {
      return WITHOUT_INPUT + "### Instruction:\n" + instruction + "\n\n### Response:\n";
    }
    return WITH_INPUT
        + "### Instruction:\n"
        + instruction
        + "\n\n### Input:\n"
        + input
        + "\n\n### Response:\n";
  }
}
