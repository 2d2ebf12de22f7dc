package dev.finetune.operator.progress;

/** The operator may not or cannot read a storage; the message names the field and never a key. */
final class NotReadable extends Exception {
  private static final long serialVersionUID = 1;

  NotReadable(String message) {
    super(message);
  }
}
