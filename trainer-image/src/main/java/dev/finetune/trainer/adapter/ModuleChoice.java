package dev.finetune.trainer.adapter;

import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Which modules an adapter changes, in PEFT's terms and with their meaning in PEFT 0.18 ({@code
 * tuners_utils.check_target_module_exists}).
 *
 * @param targets modules that get a low-rank update
 * @param excluded modules that get none although {@code targets} names them
 * @param layers sorted indexes of the blocks that get updates; empty: all. As in PEFT they do not
 *     touch what {@code targets} names in full, nor what it finds by an expression
 * @param saved ends of the names of modules that are trained whole, and get no update
 */
public record ModuleChoice(
    ModuleNames targets, ModuleNames excluded, List<Integer> layers, List<String> saved) {
  /** The last number of a name that stands between dots, after two parts at least. */
  private static final Pattern LAYER = Pattern.compile(".*\\.[^.]*\\.(\\d{1,9})\\..*");

  /** Sorts and copies the lists. */
  public ModuleChoice {
    layers = List.copyOf(new TreeSet<>(layers));
    saved = List.copyOf(new TreeSet<>(saved));
  }

  /** Returns the choice of these targets and nothing else. */
  public static ModuleChoice of(ModuleNames targets) {
    return new ModuleChoice(targets, ModuleNames.NONE, List.of(), List.of());
  }

  /** Returns those of some modules that get a low-rank update, in their order. */
  public List<String> select(List<String> modules) {
    Set<String> off = Set.copyOf(excluded.select("exclude_modules", modules));
    return targets.select("target_modules", modules).stream()
        .filter(name -> !off.contains(name) && !isSaved(name) && isInLayers(name))
        .collect(Collectors.toUnmodifiableList());
  }

  private boolean isSaved(String name) {
    String dotted = "." + name + ".";
    return saved.stream().anyMatch(entry -> dotted.contains("." + entry + "."));
  }

  private boolean isInLayers(String name) {
    if (layers.isEmpty() || !targets.pattern().isEmpty() || targets.hasFullName(name)) {
      return true;
    }
    Matcher matcher = LAYER.matcher(name);
    return matcher.matches() && layers.contains(Integer.valueOf(matcher.group(1)));
  }
}
