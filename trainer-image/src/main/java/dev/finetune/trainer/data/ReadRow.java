package dev.finetune.trainer.data;

import java.util.List;

/** A row as it was read, before anything is done about its problems. */
public sealed interface ReadRow {
  /** Returns which row it is. */
  RowId id();

  /**
   * A row that could be read.
   *
   * @param example of whatever length the row has
   * @param labels names of the labels that a head is to predict; of words one for each that has one
   */
  record Whole(RowId id, Example example, List<String> labels) implements ReadRow {
    /** Keeps an unmodifiable copy of the list. */
    public Whole {
      labels = List.copyOf(labels);
    }

    /** Makes a row without labels of a head. */
    public Whole(RowId id, Example example) {
      this(id, example, List.of());
    }
  }

  /**
   * A row that could not be read.
   *
   * @param problem what was expected, what was found, and where
   * @param last whether nothing that follows in the file can be read either
   */
  record Broken(RowId id, String problem, boolean last) implements ReadRow {}
}
