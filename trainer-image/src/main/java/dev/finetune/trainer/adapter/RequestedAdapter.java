package dev.finetune.trainer.adapter;

import dev.finetune.api.spec.Adapter;
import dev.finetune.api.spec.AdapterVariant;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.lora.ModelModules;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/**
 * The adapter that a job asks for.
 *
 * @param adapter what the job says
 * @param modules the modules of its base model
 * @param frozenLayers blocks from the first on that get no update
 */
public record RequestedAdapter(Adapter adapter, ModelModules modules, int frozenLayers) {
  private static final int DEFAULT_RANK = 16;
  private static final int DEFAULT_ALPHA = 32;
  private static final List<String> ENDS = List.of(ModelModules.EMBEDDING, ModelModules.HEAD);
  private static final String FIELD = "spec.adapter.";
  private static final String FROZEN = "spec.forgetting.frozenLayers";

  /** Makes one without frozen blocks. */
  public RequestedAdapter(Adapter adapter, ModelModules modules) {
    this(adapter, modules, 0);
  }

  /** What PEFT puts to modules_to_save for every classifier. */
  private static final List<String> HEADS = List.of("classifier", ModelModules.SCORE);

  /**
   * Returns the settings of the adapter.
   *
   * @param initial the adapter that the job starts from, or null
   * @throws InvalidConfiguration naming the field, if an entry matches nothing or says something
   *     else than the adapter that the job starts from
   */
  public AdapterSettings settings(@Nullable AdapterConfig initial) {
    AdapterSettings settings = initial == null ? fresh() : like(initial.settings());
    requireLayers();
    requireSaved();
    // Only what gets an update can have a rank and an alpha of its own.
    List<String> targets = settings.modules().select(modules.adaptableNames());
    requireMatches("rankPattern", settings.patterns().ranks(), adapter.rankPattern(), targets);
    requireMatches("alphaPattern", settings.patterns().alphas(), adapter.alphaPattern(), targets);
    return settings;
  }

  /**
   * Returns the blocks that get updates: those that the adapter names, or those above the frozen
   * ones; empty: all.
   */
  private List<Integer> layers() {
    if (frozenLayers == 0) {
      return orElse(adapter.layersToTransform(), List.of());
    }
    if (frozenLayers >= modules.layers()) {
      throw new InvalidConfiguration(
          "%s: must leave a block of the model's %d, was %d"
              .formatted(FROZEN, modules.layers(), frozenLayers));
    }
    requireNot("layersToTransform", adapter.layersToTransform() != null, "says the same otherwise");
    requireNot("initFrom", adapter.initFrom() != null, "has layers of its own");
    List<String> targets = orElse(adapter.targetModules(), List.of());
    requireNot(
        "targetModules",
        TargetModules.hasExpression(targets),
        "has a regular expression, which does not heed layers; put them into it");
    return IntStream.range(frozenLayers, modules.layers()).boxed().toList();
  }

  private static void requireNot(String field, boolean given, String why) {
    if (given) {
      throw new InvalidConfiguration(
          "%s: cannot be used with %s%s, which %s".formatted(FROZEN, FIELD, field, why));
    }
  }

  private AdapterSettings fresh() {
    return new AdapterSettings(
        orElse(adapter.rank(), DEFAULT_RANK),
        orElse(adapter.alpha(), DEFAULT_ALPHA),
        adapter.dropout(),
        update(adapter.variant()),
        adapter.init(),
        new ModuleChoice(
            targets(List.of(TargetModules.ALL_LINEAR)),
            excluded(),
            layers(),
            withHead(orElse(adapter.modulesToSave(), List.of()))),
        new ModulePatterns(
            orElse(adapter.rankPattern(), Map.of()), orElse(adapter.alphaPattern(), Map.of())));
  }

  private static AdapterSettings.Update update(AdapterVariant variant) {
    return switch (variant) {
      case LORA -> AdapterSettings.Update.LORA;
      case RS_LORA -> new AdapterSettings.Update(true, false);
      case DORA -> new AdapterSettings.Update(false, true);
    };
  }

  private ModuleNames targets(List<String> other) {
    List<String> entries = orElse(adapter.targetModules(), other);
    ModuleNames names =
        TargetModules.resolve(FIELD + "targetModules", entries, modules.linearNames(), ENDS);
    if (adapter.layersToTransform() != null && TargetModules.hasExpression(entries)) {
      // PEFT refuses the two together; silently it would ignore the layers.
      throw new InvalidConfiguration(
          FIELD
              + "layersToTransform: cannot be used with a regular expression in targetModules; put"
              + " the layers into the expression");
    }
    return names;
  }

  private ModuleNames excluded() {
    List<String> entries = adapter.excludeModules();
    if (entries == null) {
      return ModuleNames.NONE;
    }
    int all = entries.indexOf(TargetModules.ALL_LINEAR);
    if (all >= 0) {
      throw new InvalidConfiguration(
          "%sexcludeModules[%d]: must leave a linear layer, '%s' leaves none"
              .formatted(FIELD, all, TargetModules.ALL_LINEAR));
    }
    return TargetModules.resolve(FIELD + "excludeModules", entries, modules.linearNames(), ENDS);
  }

  private List<String> withHead(List<String> saved) {
    List<String> all = new ArrayList<>(saved);
    if (modules.classifies()) {
      all.addAll(HEADS);
    }
    return List.copyOf(new TreeSet<>(all));
  }

  private AdapterSettings like(AdapterSettings initial) {
    layers();
    ModuleChoice choice = initial.modules();
    checkSame("rank", adapter.rank(), initial.rank());
    checkSame("alpha", adapter.alpha(), initial.alpha());
    checkSame("layersToTransform", sorted(adapter.layersToTransform()), choice.layers());
    List<String> saved = adapter.modulesToSave();
    checkSame("modulesToSave", saved == null ? null : withHead(saved), choice.saved());
    checkSame("rankPattern", adapter.rankPattern(), new TreeMap<>(initial.patterns().ranks()));
    checkSame("alphaPattern", adapter.alphaPattern(), new TreeMap<>(initial.patterns().alphas()));
    if (adapter.variant() != AdapterVariant.LORA
        && !update(adapter.variant()).equals(initial.update())) {
      throw new InvalidConfiguration(
          FIELD + "variant: must be that of spec.adapter.initFrom, was " + adapter.variant());
    }
    ModuleNames excluded = adapter.excludeModules() == null ? choice.excluded() : excluded();
    ModuleNames targets = adapter.targetModules() == null ? choice.targets() : targets(List.of());
    return new AdapterSettings(
        initial.rank(),
        initial.alpha(),
        adapter.dropout(),
        initial.update(),
        initial.init(),
        new ModuleChoice(targets, excluded, choice.layers(), choice.saved()),
        initial.patterns());
  }

  private static <T extends Comparable<T>> @Nullable List<T> sorted(@Nullable List<T> list) {
    return list == null ? null : List.copyOf(new TreeSet<>(list));
  }

  private static void checkSame(String field, @Nullable Object wanted, Object found) {
    if (wanted != null && !Objects.equals(wanted, found)) {
      throw new InvalidConfiguration(
          "%s%s: must be that of spec.adapter.initFrom, %s, was %s"
              .formatted(FIELD, field, found, wanted));
    }
  }

  private void requireLayers() {
    List<Integer> layers = orElse(adapter.layersToTransform(), List.of());
    for (int i = 0; i < layers.size(); i++) {
      if (layers.get(i) >= modules.layers()) {
        throw new InvalidConfiguration(
            "%slayersToTransform[%d]: must be a block of the model, 0 to %d, was %d"
                .formatted(FIELD, i, modules.layers() - 1, layers.get(i)));
      }
    }
  }

  private void requireSaved() {
    List<String> names = new ArrayList<>(modules.others().keySet());
    // A tied output layer has no weight of its own; what it is refused for is said elsewhere.
    names.add(ModelModules.HEAD);
    names.addAll(modules.linearNames());
    List<String> entries = orElse(adapter.modulesToSave(), List.of());
    for (int i = 0; i < entries.size(); i++) {
      if (names.stream().noneMatch(entry(entries.get(i)))) {
        throw new InvalidConfiguration(
            "%smodulesToSave[%d]: must be the end of a module's name, such as embed_tokens, lm_head"
                    .formatted(FIELD, i)
                + " or norm, '%s' matches none".formatted(entries.get(i)));
      }
    }
  }

  private static Predicate<String> entry(String end) {
    return name -> name.endsWith(end);
  }

  private static void requireMatches(
      String field,
      Map<String, Integer> map,
      @Nullable Map<String, Integer> wanted,
      List<String> targets) {
    if (wanted == null) {
      return;
    }
    for (String key : map.keySet()) {
      String place = "%s%s[%s]".formatted(FIELD, field, key);
      NamePattern pattern = NamePattern.suffix(place, key);
      if (targets.stream().noneMatch(pattern::matches)) {
        throw new InvalidConfiguration(
            place + ": must match a layer that gets an update, matches none");
      }
    }
  }

  private static <T> T orElse(@Nullable T value, T other) {
    return value == null ? other : value;
  }
}
