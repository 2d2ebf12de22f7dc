package dev.finetune.trainer.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

/** Rows of token ids for the tiny models, the same in every process. */
public final class TokenRows {
  private TokenRows() {}

  /** Returns 23 lines of JSON, of 2 to 31 tokens of which the first third is not learned. */
  public static List<String> lines() {
    Random random = new Random(5);
    List<String> rows = new ArrayList<>();
    for (int row = 0; row < 23; row++) {
      int length = 1 + random.nextInt(30);
      int[] ids = random.ints(length + 1, 4, 512).toArray();
      List<Integer> labels = new ArrayList<>();
      for (int i = 0; i <= length; i++) {
        labels.add(i < length / 3 ? -100 : ids[i]);
      }
      rows.add("{\"input_ids\": %s, \"labels\": %s}".formatted(Arrays.toString(ids), labels));
    }
    return rows;
  }
}
