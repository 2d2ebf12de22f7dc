package dev.finetune.local;

/** The demo did not show what it is there to show. */
final class DemoFailed extends Exception {
  private static final long serialVersionUID = 1L;

  DemoFailed(String message) {
    super(message);
  }
}
