package dev.finetune.trainer.chat;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** What a statement of a template says, with expressions as jinjava evaluates them. */
sealed interface Statement {
  /** Returns its line, from 1. */
  int line();

  /**
   * A loop.
   *
   * @param targets variables that an item is given to; several: the parts of an item
   * @param condition which items are visited, or null for all
   */
  record Loop(int line, List<String> targets, String items, @Nullable String condition)
      implements Statement {}

  /** Variables that are given a value; several: the parts of it. */
  record Assign(int line, List<String> targets, String value) implements Statement {}

  /** A value of a namespace. */
  record AssignWithin(int line, String namespace, String name, String value) implements Statement {}

  /**
   * A variable that is given what is printed.
   *
   * @param filter the expression of {@link #CAPTURED} after filters, or null
   */
  record Capture(int line, String target, @Nullable String filter) implements Statement {
    /** Name that the printed text has in the filter. */
    static final String CAPTURED = "captured text";
  }

  /**
   * A macro.
   *
   * @param defaults expressions of the last parameters that may be left out
   */
  record Define(int line, String name, List<String> parameters, List<String> defaults)
      implements Statement {}

  /** The end of a loop, or of one turn of it. */
  record Leave(int line, boolean loop) implements Statement {}
}
