package dev.finetune.trainer.adapter;

import dev.finetune.trainer.failure.InvalidConfiguration;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;

/** How the entries of a job that name linear layers are said to PEFT. */
final class TargetModules {
  /** Entry that stands for every linear layer but the output layer. */
  static final String ALL_LINEAR = "all-linear";

  private TargetModules() {}

  /**
   * Resolves the entries of a job. PEFT takes one expression or a list of names, and no list of
   * expressions: where several entries have an expression among them, every layer is named in full.
   *
   * @param field the field of the job, such as {@code spec.adapter.targetModules}
   * @param entries suffixes of names, {@code all-linear}, or regular expressions that match a whole
   *     name; what has regex characters other than dots is one
   * @param linears names of the model's linear layers but the output layer, such as {@code
   *     model.layers.0.self_attn.q_proj}
   * @param others names of further layers that only an entry of their own means
   * @throws InvalidConfiguration if an entry matches no layer or is no regular expression
   */
  static ModuleNames resolve(
      String field, List<String> entries, List<String> linears, List<String> others) {
    List<String> candidates = new ArrayList<>(linears);
    candidates.addAll(others);
    Set<String> matched = new LinkedHashSet<>();
    List<String> suffixes = new ArrayList<>();
    for (int i = 0; i < entries.size(); i++) {
      String entry = entries.get(i);
      String place = field + "[" + i + "]";
      List<String> found = names(entry, linears).select(place, candidates);
      if (found.isEmpty()) {
        throw new InvalidConfiguration(
            "%s: must match a layer of the model, '%s' matches none; it has %s"
                .formatted(place, entry, String.join(", ", lastParts(candidates))));
      }
      matched.addAll(found);
      suffixes.addAll(names(entry, linears).names());
    }
    if (!hasExpression(entries)) {
      return new ModuleNames("", suffixes);
    }
    return entries.size() == 1
        ? new ModuleNames(entries.getFirst(), List.of())
        : new ModuleNames("", List.copyOf(matched));
  }

  /** Returns whether an entry is a regular expression. */
  static boolean hasExpression(List<String> entries) {
    return entries.stream().anyMatch(NamePattern::isExpression);
  }

  private static ModuleNames names(String entry, List<String> linears) {
    if (entry.equals(ALL_LINEAR)) {
      return new ModuleNames("", List.copyOf(lastParts(linears)));
    }
    return NamePattern.isExpression(entry)
        ? new ModuleNames(entry, List.of())
        : new ModuleNames("", List.of(entry));
  }

  private static Set<String> lastParts(List<String> linears) {
    Set<String> parts = new TreeSet<>();
    linears.forEach(name -> parts.add(name.substring(name.lastIndexOf('.') + 1)));
    return parts;
  }
}
