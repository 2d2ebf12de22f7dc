package dev.finetune.operator.desired;

/** A field of the spec that cannot be turned into a part of a pod; the message names it. */
public final class InvalidPodSettings extends RuntimeException {
  private static final long serialVersionUID = 1;

  /** Creates it with the path of the field, what was expected and what was found. */
  public InvalidPodSettings(String message, Throwable cause) {
    super(message, cause);
  }
}
