package dev.finetune.trainer.audit;

import org.jspecify.annotations.Nullable;

/**
 * The rows with a problem and what is done about them.
 *
 * @param action what the policy says
 * @param rows the rows, counted in each data set of its own
 * @param example of broken rows what is wrong with the first, and where; else null
 */
public record Finding(Action action, FoundRows rows, @Nullable String example) {
  /** Returns whether a run must not begin. */
  public boolean fails() {
    return action == Action.FAIL && rows.count() > 0;
  }
}
