package dev.finetune.trainer.rows;

import dev.finetune.trainer.failure.UnreadableData;

/** Takes the rows of a file one after another. */
public interface RowSink {
  /** Takes a row. */
  void row(Row row);

  /**
   * Takes word of a row that cannot be read, where the rows after it can.
   *
   * @param place where it begins, such as {@code line 12}
   * @param problem names file and place
   */
  void broken(String file, String place, UnreadableData problem);
}
