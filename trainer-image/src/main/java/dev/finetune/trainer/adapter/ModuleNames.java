package dev.finetune.trainer.adapter;

import java.util.List;
import java.util.TreeSet;

/**
 * Modules as PEFT names them in {@code target_modules} and {@code exclude_modules}: one regular
 * expression that matches the whole name, or a list of names and ends of names.
 *
 * @param pattern the expression, or empty if {@code names} is used
 * @param names sorted names, or ends of names that follow a dot
 */
public record ModuleNames(String pattern, List<String> names) {
  /** No module. */
  public static final ModuleNames NONE = new ModuleNames("", List.of());

  /** Sorts the names. */
  public ModuleNames {
    names = List.copyOf(new TreeSet<>(names));
  }

  /** Returns whether no module is named. */
  public boolean isEmpty() {
    return pattern.isEmpty() && names.isEmpty();
  }

  /** Returns whether a name is one of the list, in full. */
  boolean hasFullName(String name) {
    return names.contains(name);
  }

  /**
   * Returns those of some names that are meant, in their order.
   *
   * @param field what to call the expression in errors
   */
  List<String> select(String field, List<String> candidates) {
    if (pattern.isEmpty()) {
      return candidates.stream()
          .filter(name -> names.stream().anyMatch(entry -> isEnd(name, entry)))
          .toList();
    }
    NamePattern compiled = NamePattern.compile(field, pattern);
    return candidates.stream().filter(compiled::matches).toList();
  }

  /** Returns whether a name is an entry, or ends with it after a dot. */
  static boolean isEnd(String name, String entry) {
    return name.equals(entry) || name.endsWith("." + entry);
  }
}
