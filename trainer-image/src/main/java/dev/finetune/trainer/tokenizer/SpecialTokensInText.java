package dev.finetune.trainer.tokenizer;

/** What becomes of the spelling of a special token, such as an end of turn, within a text. */
public enum SpecialTokensInText {
  /** It is that token, as in the Hugging Face libraries. */
  RECOGNIZED,
  /** It is text like any other. */
  PLAIN
}
