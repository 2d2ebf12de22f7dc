package dev.finetune.trainer.quant;

import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;

/** A weight (out, in) that is not trained, in the form in which it is kept. */
public sealed interface FrozenWeight extends AutoCloseable permits DenseWeight, Nf4Weight {
  /**
   * Returns the weight in the type of activations, for one product.
   *
   * <p>What has to be made for it belongs to the scope; what is kept anyway is not freed with it.
   */
  Tensor materialize(Scope scope);

  /** Returns the size of its output. */
  long rows();

  /** Returns the size of its input. */
  long columns();

  @Override
  void close();
}
