package dev.finetune.trainer.data;

import dev.finetune.trainer.random.CounterRandom;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One training example as token ids.
 *
 * @param index row of the data set, from 0
 * @param inputIds token ids
 * @param labels the same ids, or {@link #NOT_SUPERVISED} where a token is not learned; not shifted,
 *     so the label of place 0 is never used
 * @param target what a head is to predict; then no token is learned; null for language modelling
 */
public record Example(int index, int[] inputIds, int[] labels, @Nullable Target target) {
  /** Label of a token that is not learned. */
  public static final int NOT_SUPERVISED = -100;

  /** Checks that ids and labels are of one length. */
  public Example {
    requireLength(inputIds.length, labels.length);
    if (target instanceof Target.OfTokens(int[] ofTokens, int[] words)) {
      requireLength(inputIds.length, ofTokens.length);
      requireLength(inputIds.length, words.length);
    }
  }

  /** Makes one of language modelling. */
  public Example(int index, int[] inputIds, int[] labels) {
    this(index, inputIds, labels, null);
  }

  /** Makes one for a head. */
  public Example(int index, int[] inputIds, Target target) {
    this(index, inputIds, notSupervised(inputIds.length), target);
  }

  private static int[] notSupervised(int length) {
    int[] labels = new int[length];
    Arrays.fill(labels, NOT_SUPERVISED);
    return labels;
  }

  private static void requireLength(int ids, int labels) {
    if (ids != labels) {
      throw new IllegalArgumentException(
          "expected as many labels as ids, " + ids + ", found " + labels);
    }
  }

  /**
   * Returns the number of places that something is learned at: places whose next token is learned,
   * the last token of a text, or the labelled tokens.
   */
  public int supervisedTokens() {
    return switch (target) {
      case null -> count(labels, 1);
      case Target.OfText _ -> Math.min(1, inputIds.length);
      case Target.OfTokens(int[] ofTokens, _) -> count(ofTokens, 0);
    };
  }

  /** Returns whether something is learned of a token: itself, or what the head says of it. */
  public boolean learns(int place) {
    return switch (target) {
      case null -> place > 0 && labels[place] != NOT_SUPERVISED;
      case Target.OfText _ -> place == inputIds.length - 1;
      case Target.OfTokens(int[] ofTokens, _) -> ofTokens[place] != NOT_SUPERVISED;
    };
  }

  private static int count(int[] labels, int from) {
    int count = 0;
    for (int i = from; i < labels.length; i++) {
      if (labels[i] != NOT_SUPERVISED) {
        count++;
      }
    }
    return count;
  }

  /** Returns the first tokens of this example, with what is learned of them and no EOS added. */
  public Example truncated(int length) {
    if (inputIds.length <= length) {
      return this;
    }
    Target cut =
        target instanceof Target.OfTokens(int[] ofTokens, int[] words)
            ? new Target.OfTokens(Arrays.copyOf(ofTokens, length), Arrays.copyOf(words, length))
            : target;
    return new Example(index, Arrays.copyOf(inputIds, length), Arrays.copyOf(labels, length), cut);
  }

  /**
   * Returns a number that depends on ids, labels and target, and on the index not: examples of
   * equal content have the same. Two of a million different ones have the same with a chance of 3
   * in 100 million.
   */
  public long contentHash() {
    long hash = CounterRandom.key(inputIds.length);
    for (int i = 0; i < inputIds.length; i++) {
      hash = CounterRandom.bits(hash ^ ((long) inputIds[i] << 32 | (labels[i] & 0xffffffffL)), i);
    }
    return switch (target) {
      case null -> hash;
      case Target.OfText(float[] values) -> {
        // Names that are not known yet when a row is read add zeros to those read later.
        for (int i = 0; i < values.length; i++) {
          hash =
              values[i] == 0 ? hash : CounterRandom.bits(hash ^ Float.floatToIntBits(values[i]), i);
        }
        yield CounterRandom.bits(hash, -1);
      }
      case Target.OfTokens(int[] ofTokens, _) -> {
        for (int i = 0; i < ofTokens.length; i++) {
          hash = CounterRandom.bits(hash ^ ofTokens[i], i);
        }
        yield CounterRandom.bits(hash, -2);
      }
    };
  }
}
