package dev.finetune.trainer.adapter;

import dev.finetune.api.spec.AdapterInit;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.lora.AdapterShape;
import dev.finetune.trainer.lora.LinearShape;
import dev.finetune.trainer.lora.LoraTarget;
import dev.finetune.trainer.lora.ModelModules;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import java.util.Set;

/**
 * What {@code adapter_config.json} says of an adapter, apart from its base model.
 *
 * @param rank rank of the matrices
 * @param alpha the update is scaled by alpha / rank
 * @param dropout probability of dropping an input while training
 * @param update which update it is
 * @param init how the matrices began; {@code PISSA} has changed the base weights
 * @param modules which modules it changes
 * @param patterns ranks and alphas of modules that differ
 */
public record AdapterSettings(
    int rank,
    int alpha,
    double dropout,
    Update update,
    AdapterInit init,
    ModuleChoice modules,
    ModulePatterns patterns) {
  /**
   * Which low-rank update an adapter is.
   *
   * @param rankStabilized whether it is scaled by alpha / sqrt(rank), arXiv 2312.03732
   * @param decomposed whether it changes direction and magnitude apart, arXiv 2402.09353
   */
  public record Update(boolean rankStabilized, boolean decomposed) {
    /** The update of arXiv 2106.09685. */
    public static final Update LORA = new Update(false, false);
  }

  /**
   * Returns what an adapter with these settings trains of a model.
   *
   * @throws InvalidConfiguration if it is nothing
   */
  public AdapterShape shape(ModelModules model) {
    Set<String> targets = new HashSet<>(modules.select(model.adaptableNames()));
    List<LoraTarget> updates = new ArrayList<>();
    for (LinearShape linear : model.linears()) {
      if (targets.contains(linear.name())) {
        updates.add(target(linear, false));
      }
    }
    for (String end : new String[] {ModelModules.EMBEDDING, ModelModules.HEAD}) {
      if (targets.contains(end)) {
        updates.add(end(end, model));
      }
    }
    if (updates.isEmpty()) {
      throw new InvalidConfiguration(
          "spec.adapter: targetModules, excludeModules, layersToTransform and modulesToSave leave"
              + " no layer for a low-rank update");
    }
    return new AdapterShape(updates, update.decomposed(), whole(model));
  }

  /** Ends of names need no dot before them here: PEFT finds {@code input_layernorm} by "norm". */
  private SequencedMap<String, List<Long>> whole(ModelModules model) {
    SequencedMap<String, List<Long>> whole = new LinkedHashMap<>();
    for (String entry : modules.saved()) {
      for (String linear : model.linearNames()) {
        if (linear.endsWith(entry)) {
          throw new InvalidConfiguration(
              ("spec.adapter.modulesToSave: '%s' matches %s; a linear layer of a block cannot be"
                      + " trained whole, name it in targetModules")
                  .formatted(entry, linear));
        }
      }
    }
    model
        .others()
        .forEach(
            (name, shape) -> {
              String module = name.equals(ModelModules.SCORE_BIAS) ? ModelModules.SCORE : name;
              if (modules.saved().stream().anyMatch(module::endsWith)) {
                whole.put(name, Arrays.stream(shape).boxed().toList());
              }
            });
    refuseTiedModules(model, whole.keySet());
    return whole;
  }

  private void refuseTiedModules(ModelModules model, Set<String> whole) {
    if (model.classifies() && modules.saved().stream().anyMatch(ModelModules.HEAD::endsWith)) {
      throw new InvalidConfiguration(
          "spec.adapter.modulesToSave: a classifier has no lm_head; its head is always trained");
    }
    if (model.tied()
        && (whole.contains(ModelModules.EMBEDDING)
            || modules.saved().stream().anyMatch(ModelModules.HEAD::endsWith))) {
      throw new InvalidConfiguration(
          "spec.adapter.modulesToSave: embed_tokens and lm_head are one weight in this model; PEFT"
              + " would train a copy of the one and leave the other, so that the two drift apart."
              + " Use a model whose config.json says tie_word_embeddings: false");
    }
  }

  /** Returns the update of the embedding or of the output layer. */
  private LoraTarget end(String name, ModelModules model) {
    if (model.classifies() && name.equals(ModelModules.HEAD)) {
      throw new InvalidConfiguration(
          "spec.adapter.targetModules: a classifier has no lm_head; its head is always trained");
    }
    long[] shape = model.others().get(name);
    if (model.tied() || shape == null) {
      throw new InvalidConfiguration(
          ("spec.adapter.targetModules: embed_tokens and lm_head are one weight in this model; an"
                  + " update of %s would leave the other as it is. Use a model whose config.json says"
                  + " tie_word_embeddings: false")
              .formatted(name));
    }
    if (update.decomposed() || init == AdapterInit.PISSA) {
      throw new InvalidConfiguration(
          "spec.adapter.targetModules: %s can have an update of LoRA or rsLoRA only, without pissa"
              .formatted(name));
    }
    if (name.equals(ModelModules.HEAD)) {
      if (dropout > 0) {
        throw new InvalidConfiguration(
            "spec.adapter.dropout: must be 0 where lm_head has an update, was " + dropout);
      }
      return target(new LinearShape(name, shape[1], shape[0]), false);
    }
    return target(new LinearShape(name, shape[0], shape[1]), true);
  }

  private LoraTarget target(LinearShape linear, boolean embedding) {
    int moduleRank = patterns.rank(linear.name(), rank);
    double moduleAlpha = patterns.alpha(linear.name(), alpha);
    double scaling =
        update.rankStabilized() ? moduleAlpha / Math.sqrt(moduleRank) : moduleAlpha / moduleRank;
    if (init == AdapterInit.PISSA && moduleRank > Math.min(linear.in(), linear.out())) {
      throw new InvalidConfiguration(
          "spec.adapter.init: pissa needs a rank of at most %d for %s of %d x %d, was %d"
              .formatted(
                  Math.min(linear.in(), linear.out()),
                  linear.name(),
                  linear.out(),
                  linear.in(),
                  moduleRank));
    }
    return new LoraTarget(linear, moduleRank, scaling, embedding);
  }
}
