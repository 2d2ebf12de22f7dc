package dev.finetune.trainer.data;

/**
 * One training example as token ids.
 *
 * @param index row of the data set, from 0
 * @param inputIds token ids
 * @param labels the same ids, or {@link #NOT_SUPERVISED} where a token is not learned; not shifted,
 *     so the label of place 0 is never used
 */
public record Example(int index, int[] inputIds, int[] labels) {
  /** Label of a token that is not learned. */
  public static final int NOT_SUPERVISED = -100;

  /** Checks that ids and labels are of one length. */
  public Example {
    if (inputIds.length != labels.length) {
      throw new IllegalArgumentException(
          "expected as many labels as ids, " + inputIds.length + ", found " + labels.length);
    }
  }

  /** Returns the number of places whose next token is learned. */
  public int supervisedTokens() {
    int count = 0;
    for (int i = 1; i < labels.length; i++) {
      if (labels[i] != NOT_SUPERVISED) {
        count++;
      }
    }
    return count;
  }
}
