package dev.finetune.trainer.loss;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;

/**
 * How far a tuned model has gone from its base: {@code KL(base || tuned)} of the next-token
 * distributions at supervised places, in nats. The base model is the tuned one with its adapter
 * switched off, so there are no weights besides; what it says of a micro-batch is kept as the
 * states that its output layer is applied to, never as logits.
 *
 * <p>The gradient to the tuned logits is {@code softmax(tuned) - softmax(base)}: none at all while
 * the models are the same. With the base first, the tuned model must keep all that the base finds
 * likely, where the other order would let it drop some of it.
 *
 * @param kernels the precision
 * @param tuned output layer of the model with its adapter
 * @param base that of the model without
 * @see <a href="https://arxiv.org/abs/1606.09282">Learning without forgetting</a>
 */
public record Divergence(Kernels kernels, CausalCrossEntropy tuned, CausalCrossEntropy base) {
  /**
   * Returns what the output layer of the base model is applied to at some places (n, hidden).
   *
   * @param scope owner of the result
   * @param hidden hidden states of the base model (T, hidden)
   * @param rows the places (n), at least one
   */
  public Tensor baseStates(Scope scope, Tensor hidden, long[] rows) {
    try (Scope temporary = new Scope()) {
      Tensor places = kernels.engine().longs(temporary, rows);
      Tensor selected = kernels.selectRows(temporary, hidden, places);
      Tensor states = base.normalized(temporary, selected).y();
      return scope.own(temporary.release(states));
    }
  }

  /**
   * Returns the divergence at each place and adds the gradient of {@code scale} times their sum to
   * that of the hidden states, and to those of what is trained of norm and output layer.
   *
   * @param gradient gradient to the hidden states (T, hidden), which is added to
   * @param hidden hidden states of the tuned model (T, hidden)
   * @param rows the places (n)
   * @param baseStates what {@link #baseStates} gave for the same places
   */
  public float[] addGradient(
      Tensor gradient, Tensor hidden, long[] rows, Tensor baseStates, double scale) {
    CausalCrossEntropy.Trained trained = tuned.trained();
    try (Scope scope = new Scope()) {
      Tensor places = kernels.engine().longs(scope, rows);
      Tensor selected = kernels.selectRows(scope, hidden, places);
      Kernels.Normalized h = tuned.normalized(scope, selected);
      Kernels.OutputUpdate lowRank = tuned.lowRank(scope, h.y());
      Kernels.LossAndGradient loss =
          kernels.divergenceGradient(
              scope,
              h.y(),
              tuned.head(),
              lowRank,
              new Kernels.BaseOutput(baseStates, base.head(), base.output().softCap()),
              scale,
              trained.head());
      tuned.accumulateUpdate(h.y(), loss, lowRank);
      if (trained.norm() != null) {
        kernels.accumulateNorm(trained.norm(), loss.hidden(), selected, h.inverse());
      }
      Tensor wide = tuned.normBackward(scope, loss.hidden(), selected, h.inverse());
      kernels.accumulate(gradient, kernels.scatterRows(scope, hidden, places, wide));
      return loss.nll().toFloats();
    }
  }
}
