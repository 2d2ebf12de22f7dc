package dev.finetune.trainer.adapter;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Ranks and alphas of modules that differ from the rest. A key is a regular expression for a name
 * or its last parts; the first key that matches counts.
 *
 * @param ranks rank by key
 * @param alphas alpha by key
 */
public record ModulePatterns(Map<String, Integer> ranks, Map<String, Integer> alphas) {
  /** No module differs. */
  public static final ModulePatterns NONE = new ModulePatterns(Map.of(), Map.of());

  /** Copies the maps, whose order counts. */
  public ModulePatterns {
    ranks = Collections.unmodifiableMap(new LinkedHashMap<>(ranks));
    alphas = Collections.unmodifiableMap(new LinkedHashMap<>(alphas));
  }

  /** Returns the first key of a map that matches a module. */
  static Optional<String> key(String field, Map<String, Integer> map, String module) {
    return map.keySet().stream()
        .filter(key -> NamePattern.suffix("%s[%s]".formatted(field, key), key).matches(module))
        .findFirst();
  }

  /** Returns the rank of a module. */
  int rank(String module, int other) {
    return key("rank_pattern", ranks, module).map(ranks::get).orElse(other);
  }

  /** Returns the alpha of a module. */
  int alpha(String module, int other) {
    return key("alpha_pattern", alphas, module).map(alphas::get).orElse(other);
  }
}
