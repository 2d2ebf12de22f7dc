package dev.finetune.trainer.data;

import dev.finetune.trainer.random.CounterRandom;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;

/**
 * Rows to train on and rows held out, each in the order of the file.
 *
 * <p>Every row has a number that depends on the seed and its index alone; the rows with the lowest
 * numbers are held out. So a row that is added to the end of the file moves few others.
 */
public record EvalSplit(List<Example> train, List<Example> eval) {
  private static final long PURPOSE = 0x6576616c73706c74L;

  /** Keeps unmodifiable copies of the lists. */
  public EvalSplit {
    train = List.copyOf(train);
    eval = List.copyOf(eval);
  }

  /**
   * Splits examples.
   *
   * @param fraction share to hold out, 0 to 0.5, rounded to whole rows: at least one row if it is
   *     above 0 and there are two, and never all
   */
  public static EvalSplit of(List<Example> examples, double fraction, long seed) {
    if (!(fraction >= 0 && fraction <= 0.5)) {
      throw new IllegalArgumentException("fraction must be 0 to 0.5, was " + fraction);
    }
    if (fraction == 0 || examples.size() < 2) {
      return new EvalSplit(examples, List.of());
    }
    long count = Math.clamp(Math.round(fraction * examples.size()), 1, examples.size() - 1);
    long key = CounterRandom.key(PURPOSE, seed);
    Set<Integer> heldOut = new HashSet<>();
    examples.stream()
        .sorted(Comparator.comparingLong(example -> CounterRandom.bits(key, example.index())))
        .limit(count)
        .forEach(example -> heldOut.add(example.index()));
    return new EvalSplit(
        examples.stream().filter(example -> !heldOut.contains(example.index())).toList(),
        examples.stream().filter(example -> heldOut.contains(example.index())).toList());
  }
}
