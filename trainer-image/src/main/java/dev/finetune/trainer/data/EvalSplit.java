package dev.finetune.trainer.data;

import dev.finetune.trainer.random.CounterRandom;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Rows to train on and rows held out, each in the order of the file.
 *
 * <p>Every row has a number that depends on the seed and its content alone: rows of equal ids and
 * labels have the same, wherever they lie, and are on the same side. The rows with the lowest
 * numbers are held out, but for rows that are there so often that all of them together would be
 * more than the fraction; these are trained on. So a row that is added moves few others, and the
 * order of the file decides nothing.
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
   *     above 0 and two rows differ, and never all
   */
  public static EvalSplit of(List<Example> examples, double fraction, long seed) {
    if (!(fraction >= 0 && fraction <= 0.5)) {
      throw new IllegalArgumentException("fraction must be 0 to 0.5, was " + fraction);
    }
    if (fraction == 0) {
      return new EvalSplit(examples, List.of());
    }
    long key = CounterRandom.key(PURPOSE, seed);
    Map<Long, Integer> rows = new HashMap<>();
    long[] numbers = new long[examples.size()];
    for (int i = 0; i < numbers.length; i++) {
      numbers[i] = CounterRandom.bits(key, examples.get(i).contentHash());
      rows.merge(numbers[i], 1, Integer::sum);
    }
    Set<Long> heldOut = heldOut(rows, Math.max(1, Math.round(fraction * numbers.length)));
    List<Example> train = new ArrayList<>();
    List<Example> eval = new ArrayList<>();
    for (int i = 0; i < numbers.length; i++) {
      (heldOut.contains(numbers[i]) ? eval : train).add(examples.get(i));
    }
    return new EvalSplit(train, eval);
  }

  /**
   * Chooses the numbers whose rows are held out.
   *
   * @param rows how many rows have each number
   * @param most rows to hold out, more only if each number has more
   */
  private static Set<Long> heldOut(Map<Long, Integer> rows, long most) {
    Set<Long> chosen = new HashSet<>();
    if (rows.size() < 2) {
      return chosen;
    }
    List<Long> ascending = rows.keySet().stream().sorted().toList();
    long left = most;
    for (long number : ascending) {
      int count = rows.getOrDefault(number, 0);
      if (count <= left) {
        chosen.add(number);
        left -= count;
      }
    }
    if (chosen.isEmpty()) {
      ascending.stream()
          .min(Comparator.comparingInt(number -> rows.getOrDefault(number, 0)))
          .ifPresent(chosen::add);
    }
    return chosen;
  }
}
