package dev.finetune.trainer.data;

import dev.finetune.trainer.random.CounterRandom;
import java.util.Arrays;

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

  /** Returns the first tokens of this example, with what is learned of them and no EOS added. */
  public Example truncated(int length) {
    return inputIds.length <= length
        ? this
        : new Example(index, Arrays.copyOf(inputIds, length), Arrays.copyOf(labels, length));
  }

  /**
   * Returns a number that depends on ids and labels, and on the index not: examples of equal
   * content have the same. Two of a million different ones have the same with a chance of 3 in 100
   * million.
   */
  public long contentHash() {
    long hash = CounterRandom.key(inputIds.length);
    for (int i = 0; i < inputIds.length; i++) {
      hash = CounterRandom.bits(hash ^ ((long) inputIds[i] << 32 | (labels[i] & 0xffffffffL)), i);
    }
    return hash;
  }
}
