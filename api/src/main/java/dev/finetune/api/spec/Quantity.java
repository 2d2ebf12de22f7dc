package dev.finetune.api.spec;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/**
 * An amount of a resource as Kubernetes writes it, a whole number or a text such as {@code 500m} or
 * {@code 16Gi}. In the CRD it is int-or-string. {@link SpecRules} checks the syntax.
 *
 * @param amount the amount as Kubernetes reads it
 */
public record Quantity(String amount) {
  /** The most characters of an amount. */
  public static final int LONGEST = 32;

  /** Regular expression of an amount, anchored. */
  public static final String SYNTAX = Syntax.QUANTITY;

  /** Reads a number or a text. */
  @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
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
