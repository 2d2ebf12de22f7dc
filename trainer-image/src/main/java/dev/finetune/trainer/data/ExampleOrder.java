package dev.finetune.trainer.data;

import dev.finetune.trainer.random.CounterRandom;

/**
 * The order of the examples in each epoch, as a function of seed and epoch: nothing has to be saved
 * to go on in the middle.
 *
 * <p>A Fisher and Yates shuffle from the last place down. The partner of place {@code i} is drawn
 * evenly from 0 to i: the high word of 64 random bits times {@code i + 1}, drawn again where the
 * low word falls in the uneven part (Lemire, 2019). The bits are those of {@link CounterRandom}
 * under the key (purpose, seed, epoch), counted from 0.
 */
public final class ExampleOrder {
  private static final long PURPOSE = 0x65786f72646572L;

  private ExampleOrder() {}

  /**
   * Returns the places of the examples in the order in which an epoch visits them.
   *
   * @param seed seed of the run
   * @param epoch from 0
   * @param count number of examples
   * @param shuffle false: every epoch in the order of the file
   */
  public static int[] permutation(long seed, int epoch, int count, boolean shuffle) {
    return shuffle ? shuffled(CounterRandom.key(PURPOSE, seed, epoch), count) : inOrder(count);
  }

  private static int[] inOrder(int count) {
    int[] places = new int[count];
    for (int i = 0; i < count; i++) {
      places[i] = i;
    }
    return places;
  }

  /** Returns the numbers below a count in the order that a key stands for. */
  static int[] shuffled(long key, int count) {
    int[] places = inOrder(count);
    long counter = 0;
    for (int i = count - 1; i > 0; i--) {
      long bound = i + 1L;
      long uneven = Long.remainderUnsigned(-bound, bound);
      long bits;
      do {
        bits = CounterRandom.bits(key, counter++);
      } while (Long.compareUnsigned(bits * bound, uneven) < 0);
      int partner = (int) Math.unsignedMultiplyHigh(bits, bound);
      int place = places[i];
      places[i] = places[partner];
      places[partner] = place;
    }
    return places;
  }
}
