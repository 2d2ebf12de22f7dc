package dev.finetune.trainer.chaos;

/** Whether a process that a test pretends lives; once it is dead it does nothing any more. */
final class ProcessLife {
  /** The end of a process, which nothing in it catches. */
  static final class Crash extends Error {
    private static final long serialVersionUID = 1L;

    Crash(String where) {
      super(where);
    }
  }

  private volatile boolean dead;

  /** Ends the process. */
  Crash die(String where) {
    dead = true;
    return new Crash(where);
  }

  boolean dead() {
    return dead;
  }

  /** Lets only the living pass. */
  void check() {
    if (dead) {
      throw new Crash("dead already");
    }
  }
}
