package dev.finetune.trainer.train;

import dev.finetune.trainer.data.Example;
import java.util.ArrayList;
import java.util.List;

/** The cut of a global batch into micro-batches that fit a budget of tokens. */
public final class MicroBatches {
  private MicroBatches() {}

  /**
   * Fills micro-batches in order. An example that is longer than the budget gets one of its own.
   *
   * @param tokenBudget most tokens of a micro-batch
   */
  public static List<List<Example>> cut(List<Example> examples, int tokenBudget) {
    List<List<Example>> batches = new ArrayList<>();
    List<Example> current = new ArrayList<>();
    int tokens = 0;
    for (Example example : examples) {
      int length = example.inputIds().length;
      if (!current.isEmpty() && tokens + length > tokenBudget) {
        batches.add(current);
        current = new ArrayList<>();
        tokens = 0;
      }
      current.add(example);
      tokens += length;
    }
    if (!current.isEmpty()) {
      batches.add(current);
    }
    return batches;
  }
}
