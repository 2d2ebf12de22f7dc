package dev.finetune.trainer.data;

import dev.finetune.trainer.rows.Row;

/**
 * Rows of {@code input_ids} and {@code labels}.
 *
 * @param vocabularySize ids are below it
 */
record TokenIds(int vocabularySize) implements RowFormat {
  @Override
  public Example example(int index, Row row) {
    int[] ids = row.requireInts("input_ids");
    int[] labels = row.requireInts("labels");
    if (ids.length != labels.length) {
      throw row.broken(
          "expected as many labels as input_ids, %d, found %d"
              .formatted(ids.length, labels.length));
    }
    requireVocabulary(row, "input_ids", ids, false);
    requireVocabulary(row, "labels", labels, true);
    return new Example(index, ids, labels);
  }

  private void requireVocabulary(Row row, String name, int[] ids, boolean labels) {
    for (int i = 0; i < ids.length; i++) {
      boolean unlearned = labels && ids[i] == Example.NOT_SUPERVISED;
      if (!unlearned && (ids[i] < 0 || ids[i] >= vocabularySize)) {
        throw row.broken(
            "field '%s'[%d] must be 0 to %d%s, was %d"
                .formatted(name, i, vocabularySize - 1, labels ? ", or -100" : "", ids[i]));
      }
    }
  }
}
