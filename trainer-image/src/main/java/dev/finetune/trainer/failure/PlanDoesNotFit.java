package dev.finetune.trainer.failure;

import dev.finetune.api.run.ExitCode;

/** The memory that a run is predicted to need is more than it may use. */
public final class PlanDoesNotFit extends TrainingFailure {
  private static final long serialVersionUID = 1L;

  /** Makes one with a message that says what is needed, what there is, and what would help. */
  public PlanDoesNotFit(String message) {
    super(ExitCode.PLAN_DOES_NOT_FIT, message, null);
  }
}
