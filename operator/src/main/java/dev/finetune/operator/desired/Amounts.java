package dev.finetune.operator.desired;

import io.fabric8.kubernetes.api.model.Quantity;

/** Amounts of the spec as Kubernetes takes them. */
final class Amounts {
  private Amounts() {}

  /**
   * Returns an amount.
   *
   * @param path field of the spec, for the message
   * @throws InvalidPodSettings if it is none
   */
  static Quantity of(String path, dev.finetune.api.spec.Quantity amount) {
    try {
      return Quantity.parse(amount.amount());
    } catch (IllegalArgumentException e) {
      throw new InvalidPodSettings(
          path + ": must be an amount such as 500m or 16Gi, was " + amount.amount(), e);
    }
  }
}
