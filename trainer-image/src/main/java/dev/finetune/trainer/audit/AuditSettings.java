package dev.finetune.trainer.audit;

import dev.finetune.api.spec.OnProblem;
import dev.finetune.api.spec.Task;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.util.OptionalInt;

/**
 * What rows are held against.
 *
 * @param maxLength most tokens of an example, from 2
 * @param policy what is done about rows with a problem
 * @param names what these are called in messages
 * @param bos the token that begins a text, if there is one
 * @param eos the token that ends a text, where the model is to learn when to stop
 */
public record AuditSettings(
    int maxLength, OnProblem policy, SettingNames names, OptionalInt bos, OptionalInt eos) {
  /** Checks the greatest length. */
  public AuditSettings {
    if (maxLength < 2) {
      throw new IllegalArgumentException("maxLength must be at least 2, was " + maxLength);
    }
  }

  /**
   * Takes the special tokens of a tokenizer.
   *
   * @param task what is trained; a classifier learns no EOS
   */
  public static AuditSettings of(
      int maxLength, OnProblem policy, SettingNames names, Tokenizer tokenizer, Task task) {
    OptionalInt eos =
        switch (task) {
          case CAUSAL_LM -> OptionalInt.of(tokenizer.eosId());
          case SEQUENCE_CLASSIFICATION, TOKEN_CLASSIFICATION -> OptionalInt.empty();
        };
    return new AuditSettings(maxLength, policy, names, tokenizer.bosId(), eos);
  }
}
