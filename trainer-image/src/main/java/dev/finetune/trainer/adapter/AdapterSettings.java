package dev.finetune.trainer.adapter;

import dev.finetune.api.spec.AdapterInit;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.lora.AdapterShape;
import dev.finetune.trainer.lora.LinearShape;
import dev.finetune.trainer.lora.LoraTarget;
import dev.finetune.trainer.lora.ModelModules;
import java.util.HashSet;
import java.util.List;
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
    refuseWhatIsNotSupported();
    Set<String> targets = new HashSet<>(modules.select(model.linearNames()));
    List<LoraTarget> updates =
        model.linears().stream()
            .filter(linear -> targets.contains(linear.name()))
            .map(this::target)
            .toList();
    if (updates.isEmpty()) {
      throw new InvalidConfiguration(
          "spec.adapter: targetModules, excludeModules, layersToTransform and modulesToSave leave"
              + " no linear layer for a low-rank update");
    }
    return new AdapterShape(updates, update.decomposed());
  }

  private void refuseWhatIsNotSupported() {
    if (init == AdapterInit.PISSA) {
      throw new InvalidConfiguration("spec.adapter.init: pissa is not supported");
    }
    if (!modules.saved().isEmpty()) {
      throw new InvalidConfiguration(
          "spec.adapter.modulesToSave: is not supported, was " + modules.saved());
    }
  }

  private LoraTarget target(LinearShape linear) {
    int moduleRank = patterns.rank(linear.name(), rank);
    double moduleAlpha = patterns.alpha(linear.name(), alpha);
    double scaling =
        update.rankStabilized() ? moduleAlpha / Math.sqrt(moduleRank) : moduleAlpha / moduleRank;
    return new LoraTarget(linear, moduleRank, scaling);
  }
}
