package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/**
 * An amount of a resource as Kubernetes writes it, a number or a text such as {@code 500m} or
 * {@code 16Gi}. In the CRD it is int-or-string.
 */
public record Quantity(String amount) {
  /** Reads a number or a text. */
  @JsonCreator
  public static Quantity of(Object value) {
    return new Quantity(String.valueOf(value));
  }

  /** Returns the amount as Kubernetes reads it. */
  @JsonValue
  @Override
  public String amount() {
    return amount;
  }
}
