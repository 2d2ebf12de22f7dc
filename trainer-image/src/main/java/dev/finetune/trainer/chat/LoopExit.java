package dev.finetune.trainer.chat;

import com.hubspot.jinjava.interpret.InterpretException;

/** Leaves the statements of a loop; a kind of failure that jinjava lets pass as it is. */
final class LoopExit extends InterpretException {
  private static final long serialVersionUID = 1L;

  private final boolean loop;

  /**
   * Makes one.
   *
   * @param loop whether the whole loop ends, not one turn of it
   */
  LoopExit(boolean loop) {
    super("a loop ends");
    this.loop = loop;
  }

  boolean endsLoop() {
    return loop;
  }
}
