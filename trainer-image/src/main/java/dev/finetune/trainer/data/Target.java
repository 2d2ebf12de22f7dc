package dev.finetune.trainer.data;

/** What a head is to predict of an example. */
public sealed interface Target {
  /**
   * Of the whole text, at its last token.
   *
   * @param values index of the label; or 1 for each label that it has and 0 for others; or a number
   */
  record OfText(float[] values) implements Target {}

  /**
   * Of words, at their tokens.
   *
   * @param labels index of each token's label, {@link Example#NOT_SUPERVISED} where there is none
   * @param words word that each token is of, -1 for none
   */
  record OfTokens(int[] labels, int[] words) implements Target {}
}
