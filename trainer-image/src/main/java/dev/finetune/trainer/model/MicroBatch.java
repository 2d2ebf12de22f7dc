package dev.finetune.trainer.model;

import dev.finetune.trainer.data.Example;
import java.util.List;

/**
 * A flat row of tokens: sequences laid end to end, no padding. Positions restart at each sequence.
 *
 * @param ids token ids (T)
 * @param positions place of each token in its sequence (T)
 * @param offsets where each sequence begins, and where the last ends
 * @param examples example of each sequence
 * @param rows places whose next token is supervised, ascending (n)
 * @param labels the supervised next tokens (n)
 * @param rowExamples example of each supervised place (n)
 */
public record MicroBatch(
    long[] ids,
    long[] positions,
    long[] offsets,
    int[] examples,
    long[] rows,
    long[] labels,
    int[] rowExamples) {
  /** Lays examples end to end. */
  public static MicroBatch of(List<Example> examples) {
    int tokens = examples.stream().mapToInt(e -> e.inputIds().length).sum();
    int supervised = examples.stream().mapToInt(Example::supervisedTokens).sum();
    long[] ids = new long[tokens];
    long[] positions = new long[tokens];
    long[] offsets = new long[examples.size() + 1];
    int[] indexes = new int[examples.size()];
    long[] rows = new long[supervised];
    long[] labels = new long[supervised];
    int[] rowExamples = new int[supervised];
    int token = 0;
    int row = 0;
    for (int e = 0; e < indexes.length; e++) {
      Example example = examples.get(e);
      int length = example.inputIds().length;
      indexes[e] = example.index();
      for (int i = 0; i < length; i++, token++) {
        ids[token] = example.inputIds()[i];
        positions[token] = i;
        if (i + 1 < length && example.labels()[i + 1] != Example.NOT_SUPERVISED) {
          rows[row] = token;
          labels[row] = example.labels()[i + 1];
          rowExamples[row] = example.index();
          row++;
        }
      }
      offsets[e + 1] = token;
    }
    return new MicroBatch(ids, positions, offsets, indexes, rows, labels, rowExamples);
  }

  /** Returns a row of tokens without labels that begins at a position, for generation. */
  public static MicroBatch continuing(int[] ids, int position) {
    long[] tokens = new long[ids.length];
    long[] positions = new long[ids.length];
    for (int i = 0; i < ids.length; i++) {
      tokens[i] = ids[i];
      positions[i] = position + (long) i;
    }
    long[] offsets = {0, ids.length};
    return new MicroBatch(
        tokens, positions, offsets, new int[1], new long[0], new long[0], new int[0]);
  }

  /** Returns the number of tokens. */
  public int tokens() {
    return ids.length;
  }

  /** Returns the number of supervised tokens. */
  public int supervisedTokens() {
    return rows.length;
  }

  /** Returns the number of positions that rotations are needed for. */
  int positionCount() {
    long last = 0;
    for (long position : positions) {
      last = Math.max(last, position);
    }
    return Math.toIntExact(last + 1);
  }
}
