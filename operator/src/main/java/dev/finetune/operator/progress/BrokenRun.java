package dev.finetune.operator.progress;

/** An object of a run is not what it should be; the message begins with its name. */
final class BrokenRun extends Exception {
  private static final long serialVersionUID = 1;

  BrokenRun(String message) {
    super(message);
  }
}
