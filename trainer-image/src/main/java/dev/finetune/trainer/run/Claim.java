package dev.finetune.trainer.run;

import dev.finetune.api.run.Delivery;

/** What came of claiming a run. */
public sealed interface Claim {
  /**
   * The run is ours until a newer attempt claims it.
   *
   * @param run the run
   */
  record Claimed(Run run) implements Claim {}

  /**
   * The run was delivered before; there is nothing to do, for ever.
   *
   * @param delivery what was delivered
   * @param adapter URI of the adapter's folder
   */
  record Delivered(Delivery delivery, String adapter) implements Claim {}
}
