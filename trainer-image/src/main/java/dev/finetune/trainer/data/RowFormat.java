package dev.finetune.trainer.data;

import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.rows.Row;

/** Makes an example of a row, of whatever length it has. */
interface RowFormat {
  /**
   * Returns the example.
   *
   * @param index number of the row in its data set, from 0
   * @throws UnreadableData if a field is missing or of another type; names line and field
   */
  Example example(int index, Row row);
}
