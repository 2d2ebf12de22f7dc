package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.AdapterInit;
import dev.finetune.api.spec.FineTuneJobSpec;
import dev.finetune.api.spec.Forgetting;
import dev.finetune.api.spec.Task;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.data.Mixture;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.train.ReplayPlan;
import dev.finetune.trainer.train.StepPlan;
import org.jspecify.annotations.Nullable;

/**
 * What of training keeps a model from losing what it could before.
 *
 * @param training hyperparameters of the job
 * @param replayShare share of a global batch that is replayed
 * @param divergenceWeight weight of the divergence from the base model
 */
record ForgettingGuard(Training training, double replayShare, double divergenceWeight) {
  /**
   * Returns what a job asks for.
   *
   * @throws InvalidConfiguration if that cannot be done, naming the field
   */
  static ForgettingGuard of(FineTuneJobSpec spec) {
    Forgetting forgetting = spec.forgetting();
    if (forgetting == null) {
      return new ForgettingGuard(spec.training(), 0, 0);
    }
    requireLanguageModel(spec, "replayShare", forgetting.replayShare());
    requireLanguageModel(spec, "klWeight", forgetting.klWeight());
    if (forgetting.klWeight() > 0 && spec.adapter().init() == AdapterInit.PISSA) {
      throw new InvalidConfiguration(
          "spec.forgetting.klWeight: cannot be used with spec.adapter.init pissa, which takes its"
              + " first matrices out of the base weights, so that they are not the base model's"
              + " any more");
    }
    return new ForgettingGuard(spec.training(), forgetting.replayShare(), forgetting.klWeight());
  }

  private static void requireLanguageModel(FineTuneJobSpec spec, String field, double value) {
    if (value > 0 && spec.task() != Task.CAUSAL_LM) {
      throw new InvalidConfiguration(
          "spec.forgetting.%s: needs task CausalLM, was %s with %s"
              .formatted(field, spec.task(), value));
    }
  }

  /** Returns how many blocks from the first on get no adapter. */
  static int frozen(FineTuneJobSpec spec) {
    return spec.forgetting() == null ? 0 : spec.forgetting().frozenLayers();
  }

  /** Returns which examples of the task each step sees. */
  StepPlan steps(Mixture mixture) {
    return StepPlan.of(training, mixture, ReplayPlan.perStep(training, replayShare));
  }

  /** Returns which general examples each step sees besides, or null if none. */
  @Nullable ReplayPlan replay(int examples) {
    return replayShare == 0 ? null : ReplayPlan.of(training, replayShare, examples);
  }
}
