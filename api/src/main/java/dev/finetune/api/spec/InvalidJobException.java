package dev.finetune.api.spec;

import java.util.List;
import java.util.stream.Collectors;

/** A job that breaks rules. The message lists all of them, one a line. */
public final class InvalidJobException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient List<Violation> violations;

  /** Takes the broken rules, at least one. */
  public InvalidJobException(List<Violation> violations) {
    super(violations.stream().map(Violation::toString).collect(Collectors.joining("\n")));
    this.violations = List.copyOf(violations);
  }

  /** Returns the broken rules, in the order of the fields. */
  public List<Violation> violations() {
    return violations;
  }
}
