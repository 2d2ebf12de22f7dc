package dev.finetune.trainer.train;

import java.util.List;

/**
 * What an optimizer step did.
 *
 * @param step optimizer step, from 1
 * @param loss nats per supervised token of the global batch: plain negative log-likelihood, without
 *     label smoothing, and with the dropout and the noise of the step
 * @param learningRate rate of the update
 * @param gradientNorm L2 norm before clipping
 * @param tokens tokens of the global batch
 * @param supervisedTokens tokens that were learned
 * @param examples what each example of the global batch came to, in its order
 */
public record StepResult(
    int step,
    double loss,
    double learningRate,
    double gradientNorm,
    int tokens,
    int supervisedTokens,
    List<ExampleLoss> examples) {
  /** Copies the list. */
  public StepResult {
    examples = List.copyOf(examples);
  }
}
