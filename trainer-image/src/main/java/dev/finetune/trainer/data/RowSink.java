package dev.finetune.trainer.data;

import dev.finetune.trainer.failure.UnreadableData;

/** Takes the rows of a file one after another. */
interface RowSink {
  /** Takes a row. */
  void row(Row row);

  /**
   * Takes word of a row that cannot be read, where the rows after it can.
   *
   * @param line line that it begins on, from 1
   * @param problem names file and line
   */
  void broken(String file, int line, UnreadableData problem);
}
