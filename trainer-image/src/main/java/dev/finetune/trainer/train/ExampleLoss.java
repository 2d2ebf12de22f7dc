package dev.finetune.trainer.train;

/**
 * What an example came to in an optimizer step.
 *
 * @param sum sum of its terms of the objective
 * @param terms number of them, perhaps none
 */
public record ExampleLoss(double sum, int terms) {
  /** Returns the loss of a term on average, which needs a term. */
  public double mean() {
    return sum / terms;
  }
}
