package dev.finetune.local.runner;

/** A pod names something that is not there; it waits until it is. */
final class PodCannotStart extends Exception {
  private static final long serialVersionUID = 1L;

  PodCannotStart(String message) {
    super(message);
  }
}
