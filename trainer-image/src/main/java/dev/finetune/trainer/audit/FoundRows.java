package dev.finetune.trainer.audit;

import dev.finetune.trainer.data.RowId;
import java.util.ArrayList;
import java.util.List;

/**
 * Rows that have something in common.
 *
 * @param count how many there are
 * @param first the first of them, at most {@link #MOST_LISTED}
 */
public record FoundRows(int count, List<RowId> first) {
  /** Most rows that are listed of each kind, so that a report does not grow with the data. */
  public static final int MOST_LISTED = 100;

  /** Keeps an unmodifiable copy of the list. */
  public FoundRows {
    first = List.copyOf(first);
  }

  /** Collects them. */
  static final class Collector {
    private final List<RowId> first = new ArrayList<>();
    private int count;

    void add(RowId row) {
      if (first.size() < MOST_LISTED) {
        first.add(row);
      }
      count++;
    }

    FoundRows found() {
      return new FoundRows(count, first);
    }
  }
}
