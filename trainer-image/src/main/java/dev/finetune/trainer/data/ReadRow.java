package dev.finetune.trainer.data;

/** A row as it was read, before anything is done about its problems. */
public sealed interface ReadRow {
  /** Returns which row it is. */
  RowId id();

  /**
   * A row that could be read.
   *
   * @param example of whatever length the row has
   */
  record Whole(RowId id, Example example) implements ReadRow {}

  /**
   * A row that could not be read.
   *
   * @param problem what was expected, what was found, and where
   * @param last whether nothing that follows in the file can be read either
   */
  record Broken(RowId id, String problem, boolean last) implements ReadRow {}
}
