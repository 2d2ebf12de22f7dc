package dev.finetune.trainer.run;

/**
 * Who wants to own a run.
 *
 * @param owner the UID of the FineTuneJob, or an id that this machine keeps for this job
 * @param takeOver whether to take the run from another owner who still lives
 */
public record ClaimRequest(String owner, boolean takeOver) {
  /** Checks the owner. */
  public ClaimRequest {
    if (owner.isBlank()) {
      throw new IllegalArgumentException("owner: must not be blank");
    }
  }
}
