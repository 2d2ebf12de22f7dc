package dev.finetune.api.spec;

import java.util.List;
import java.util.stream.Collectors;

/** A job that breaks rules. The message lists them, one a line, but not hundreds. */
public final class InvalidJobException extends RuntimeException {
  private static final long serialVersionUID = 1L;
  private static final int MOST_LISTED = 20;

  private final transient List<Violation> violations;

  /** Takes the broken rules, at least one. */
  public InvalidJobException(List<Violation> violations) {
    super(message(violations));
    this.violations = List.copyOf(violations);
  }

  private static String message(List<Violation> violations) {
    String listed =
        violations.stream()
            .limit(MOST_LISTED)
            .map(Violation::toString)
            .collect(Collectors.joining("\n"));
    int more = violations.size() - MOST_LISTED;
    return more <= 0 ? listed : listed + "\nand " + more + " more";
  }

  /** Returns the broken rules, in the order of the fields. */
  public List<Violation> violations() {
    return violations;
  }
}
