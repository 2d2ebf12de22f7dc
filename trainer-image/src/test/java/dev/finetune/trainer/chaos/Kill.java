package dev.finetune.trainer.chaos;

/** One interruption. */
record Kill(Signal signal, Moment moment) {
  /** What a process is sent. */
  enum Signal {
    SIGKILL,
    SIGTERM
  }

  @Override
  public String toString() {
    return signal + " " + moment;
  }
}
