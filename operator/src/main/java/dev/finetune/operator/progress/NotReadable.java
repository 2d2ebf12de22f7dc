package dev.finetune.operator.progress;

/** The operator may not or cannot use a storage; the message names the field and never a key. */
final class NotReadable extends Exception {
  private static final long serialVersionUID = 1;

  private final boolean permanent;

  private NotReadable(String message, boolean permanent) {
    super(message);
    this.permanent = permanent;
  }

  /** Something that the spec names is not there, and may come. */
  static NotReadable forNow(String message) {
    return new NotReadable(message, false);
  }

  /** The spec says so, or the settings of the operator do, and neither changes by itself. */
  static NotReadable byItsSpec(String message) {
    return new NotReadable(message, true);
  }

  /** Returns whether it stays so. */
  boolean permanent() {
    return permanent;
  }
}
