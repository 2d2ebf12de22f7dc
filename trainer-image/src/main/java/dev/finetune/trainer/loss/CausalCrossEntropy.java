package dev.finetune.trainer.loss;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;

/**
 * The loss of language modelling: the last norm, the output layer and cross-entropy, on supervised
 * places only and in chunks, so that logits are never kept.
 *
 * @param kernels the precision
 * @param norm weight of the last norm (hidden), {@code F32}
 * @param epsilon epsilon of the last norm
 * @param head weight of the output layer (vocabulary, hidden)
 * @param labelSmoothing share of a label's probability that training spreads evenly over all
 *     tokens, 0 to 1 (exclusive)
 * @see <a href="https://arxiv.org/abs/1512.00567">Rethinking the Inception architecture, section 7
 *     (label smoothing)</a>
 */
public record CausalCrossEntropy(
    Kernels kernels, Tensor norm, double epsilon, Tensor head, double labelSmoothing) {
  /** Makes the loss without smoothing. */
  public CausalCrossEntropy(Kernels kernels, Tensor norm, double epsilon, Tensor head) {
    this(kernels, norm, epsilon, head, 0);
  }

  /**
   * Returns the negative log-likelihood of each label, in nats.
   *
   * @param hidden hidden states (T, hidden)
   * @param rows places whose next token is supervised (n), at least one
   * @param labels the supervised tokens (n)
   */
  public float[] negativeLogLikelihoods(Tensor hidden, long[] rows, long[] labels) {
    try (Scope scope = new Scope()) {
      Tensor places = kernels.engine().longs(scope, rows);
      Tensor selected = kernels.selectRows(scope, hidden, places);
      Tensor h = kernels.rmsNorm(scope, selected, norm, epsilon).y();
      Tensor targets = kernels.engine().longs(scope, labels);
      return kernels.crossEntropy(scope, h, head, targets).toFloats();
    }
  }

  /** Negative log-likelihoods (n) and the gradient to the hidden states (T, hidden). */
  public record Result(float[] negativeLogLikelihoods, Tensor gradient) {}

  /**
   * Returns the negative log-likelihoods and the gradient of {@code scale} times the sum of the
   * losses.
   *
   * <p>With smoothing e the loss of a place is {@code (1 - e) nll + e mean(-log p)} over the
   * vocabulary, as transformers' LabelSmoother has it. What is returned beside the gradient is the
   * plain negative log-likelihood, so that the loss of a run compares with its held-out loss and
   * with other runs.
   *
   * @param scope owner of the gradient
   * @param scale 1 / supervised tokens of the whole global batch
   */
  public Result withGradient(Scope scope, Tensor hidden, long[] rows, long[] labels, double scale) {
    try (Scope temporary = new Scope()) {
      Tensor places = kernels.engine().longs(temporary, rows);
      Tensor selected = kernels.selectRows(temporary, hidden, places);
      Kernels.Normalized h = kernels.rmsNorm(temporary, selected, norm, epsilon);
      Tensor targets = kernels.engine().longs(temporary, labels);
      Kernels.LossAndGradient loss =
          kernels.crossEntropyGradient(temporary, h.y(), head, targets, scale, labelSmoothing);
      Tensor wide = kernels.rmsNormBackward(temporary, loss.hidden(), selected, h.inverse(), norm);
      return new Result(loss.nll().toFloats(), kernels.scatterRows(scope, hidden, places, wide));
    }
  }

  /** Returns the logits (n, vocabulary) at some places, in row-major order. */
  public float[] logits(Tensor hidden, long[] rows) {
    try (Scope scope = new Scope()) {
      Tensor selected = kernels.selectRows(scope, hidden, kernels.engine().longs(scope, rows));
      Tensor h = kernels.rmsNorm(scope, selected, norm, epsilon).y();
      return kernels.logits(scope, h, head).toFloats();
    }
  }
}
