package dev.finetune.trainer.data;

import java.util.List;

/**
 * A flat row of tokens: sequences laid end to end, no padding. Positions restart at each sequence.
 *
 * @param ids token ids (T)
 * @param positions place of each token in its sequence (T)
 * @param offsets where each sequence begins, and where the last ends
 * @param examples example of each sequence
 * @param rows places that something is learned at, ascending (n): those whose next token is
 *     supervised, the last one of a text with a label, or those of labelled words
 * @param labels the supervised next tokens (n); 0 where a head predicts
 * @param rowExamples example of each supervised place (n)
 * @param values what a head is to predict at each place: of a text what {@link Target.OfText}
 *     holds; of a word's token the index of the label, and 1 if the token is the word's first, else
 *     0; empty for language modelling
 */
public record MicroBatch(
    long[] ids,
    long[] positions,
    long[] offsets,
    int[] examples,
    long[] rows,
    long[] labels,
    int[] rowExamples,
    float[][] values) {
  /** Lays examples end to end. */
  public static MicroBatch of(List<Example> examples) {
    int tokens = examples.stream().mapToInt(e -> e.inputIds().length).sum();
    int supervised = examples.stream().mapToInt(Example::supervisedTokens).sum();
    boolean heads = examples.stream().anyMatch(e -> e.target() != null);
    Builder builder = new Builder(tokens, examples.size(), supervised, heads);
    examples.forEach(builder::add);
    return builder.batch;
  }

  /** Fills the arrays of a batch. */
  private static final class Builder {
    private final MicroBatch batch;
    private int token;
    private int sequence;
    private int row;

    Builder(int tokens, int sequences, int supervised, boolean heads) {
      batch =
          new MicroBatch(
              new long[tokens],
              new long[tokens],
              new long[sequences + 1],
              new int[sequences],
              new long[supervised],
              new long[supervised],
              new int[supervised],
              new float[heads ? supervised : 0][]);
    }

    void add(Example example) {
      batch.examples[sequence] = example.index();
      int first = token;
      for (int i = 0; i < example.inputIds().length; i++, token++) {
        batch.ids[token] = example.inputIds()[i];
        batch.positions[token] = i;
      }
      batch.offsets[++sequence] = token;
      switch (example.target()) {
        case null -> addNextTokens(example, first);
        case Target.OfText(float[] values) -> addText(example, values);
        case Target.OfTokens words -> addWords(example, words, first);
      }
    }

    private void addNextTokens(Example example, int first) {
      for (int i = 1; i < example.labels().length; i++) {
        if (example.labels()[i] != Example.NOT_SUPERVISED) {
          addRow(example, first + i - 1L, example.labels()[i]);
        }
      }
    }

    private void addText(Example example, float[] values) {
      if (example.inputIds().length > 0) {
        batch.values[row] = values;
        addRow(example, token - 1L, 0);
      }
    }

    private void addWords(Example example, Target.OfTokens words, int first) {
      for (int i = 0; i < words.labels().length; i++) {
        if (words.labels()[i] != Example.NOT_SUPERVISED) {
          boolean begins = i == 0 || words.words()[i] != words.words()[i - 1];
          batch.values[row] = new float[] {words.labels()[i], begins ? 1 : 0};
          addRow(example, first + (long) i, 0);
        }
      }
    }

    private void addRow(Example example, long place, long label) {
      batch.rows[row] = place;
      batch.labels[row] = label;
      batch.rowExamples[row] = example.index();
      row++;
    }
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
        tokens,
        positions,
        offsets,
        new int[1],
        new long[0],
        new long[0],
        new int[0],
        new float[0][]);
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
  public int positionCount() {
    long last = 0;
    for (long position : positions) {
      last = Math.max(last, position);
    }
    return Math.toIntExact(last + 1);
  }
}
