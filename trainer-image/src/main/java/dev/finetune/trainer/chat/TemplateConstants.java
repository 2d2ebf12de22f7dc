package dev.finetune.trainer.chat;

import java.util.ArrayList;
import java.util.List;

/** What the expressions of a template refer to by number, so that no text of it is parsed twice. */
final class TemplateConstants {
  /** Most characters of all expressions that are written, parts of expressions counted too. */
  static final long MOST_EMITTED = 8 << 20;

  private final List<Object> values = new ArrayList<>();
  private int slots;
  private long emitted;

  /** Returns the number of a new constant. */
  int add(Object value) {
    values.add(value);
    return values.size() - 1;
  }

  /** Returns the number of the value that is not defined. */
  int undefined() {
    return add(new Undefined("the value of an 'if' without 'else'"));
  }

  /** Returns the number of a new place to keep a value in while an expression is evaluated. */
  int slot() {
    return slots++;
  }

  /** Returns the constants by number. */
  List<Object> values() {
    return List.copyOf(values);
  }

  /** Returns how many places to keep values in there are. */
  int slots() {
    return slots;
  }

  /** Counts characters and returns how many there were so far. */
  long grow(int characters) {
    emitted += characters;
    return emitted;
  }
}
