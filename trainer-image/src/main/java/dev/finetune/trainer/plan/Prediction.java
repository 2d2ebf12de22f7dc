package dev.finetune.trainer.plan;

import java.util.List;

/**
 * Predicts the memory of a workload by going through a run's allocations. A pure function: it needs
 * neither weights nor an engine.
 */
public final class Prediction {
  private final Workload workload;

  /** Makes one of a workload. */
  public Prediction(Workload workload) {
    this.workload = workload;
  }

  /**
   * Returns the worst moment of each phase.
   *
   * @param training micro-batches that may need most
   * @param evaluation micro-batches of held-out rows that may need most, perhaps none
   * @param recompute whether the tape keeps a block's input only
   */
  public List<PhasePeak> phases(
      List<Workload.Batch> training, List<Workload.Batch> evaluation, boolean recompute) {
    Ledger ledger = new Ledger();
    ModelMemory model = new ModelMemory(workload);
    ledger.enter(Phase.LOADING);
    try (Ledger.Scope run = ledger.scope();
        StepMemory step = new StepMemory(workload, model, ledger)) {
      model.load(run);
      model.adapter(run);
      model.optimizer(run);
      ledger.enter(evaluation.isEmpty() ? Phase.FORWARD : Phase.EVALUATION);
      step.rotations(run, Math.max(longest(training), longest(evaluation)));
      evaluation.forEach(step::evaluate);
      training.forEach(batch -> step.accumulate(batch, recompute));
      // The first step leaves memory for tapes behind, which later steps find.
      training.forEach(batch -> step.accumulate(batch, recompute));
      step.update();
    }
    if (ledger.tensors() != 0) {
      throw new IllegalStateException("the plan forgot to free " + ledger.tensors() + " bytes");
    }
    return ledger.peaks();
  }

  private static int longest(List<Workload.Batch> batches) {
    return batches.stream().mapToInt(Workload.Batch::longest).max().orElse(0);
  }
}
