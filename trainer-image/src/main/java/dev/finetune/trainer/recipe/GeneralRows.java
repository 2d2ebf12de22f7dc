package dev.finetune.trainer.recipe;

import dev.finetune.trainer.data.Example;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Rows that have nothing to do with the task, by which forgetting is measured and held up.
 *
 * @param heldOut rows that are never trained on, perhaps none
 * @param replayed rows that are trained on beside the task's, perhaps none; their indexes are those
 *     in their file plus {@link #FIRST_REPLAYED}, so that no noise is drawn alike for two rows
 */
record GeneralRows(List<Example> heldOut, List<Example> replayed) {
  /** Index of the first row that is replayed; no data set has so many rows. */
  static final int FIRST_REPLAYED = 1 << 30;

  /** No rows at all. */
  static final GeneralRows NONE = new GeneralRows(List.of(), List.of());

  /** Copies the lists. */
  GeneralRows {
    heldOut = List.copyOf(heldOut);
    replayed = List.copyOf(replayed);
  }

  /** Makes them of examples as they were read. */
  static GeneralRows of(List<Example> heldOut, List<Example> replay) {
    return new GeneralRows(
        heldOut,
        replay.stream()
            .map(row -> new Example(row.index() + FIRST_REPLAYED, row.inputIds(), row.labels()))
            .toList());
  }

  /** Returns how many of the held-out rows are, token by token, among some that are trained on. */
  int leaked(List<Example> trained) {
    Set<List<Integer>> seen = new HashSet<>();
    replayed.forEach(row -> seen.add(ids(row)));
    trained.forEach(row -> seen.add(ids(row)));
    return (int) heldOut.stream().filter(row -> seen.contains(ids(row))).count();
  }

  private static List<Integer> ids(Example row) {
    return Arrays.stream(row.inputIds()).boxed().collect(Collectors.toList());
  }
}
