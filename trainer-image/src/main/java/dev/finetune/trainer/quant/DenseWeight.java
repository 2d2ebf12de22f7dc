package dev.finetune.trainer.quant;

import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;

/**
 * A weight kept in the type of activations.
 *
 * @param tensor (out, in); closed with the weight
 */
public record DenseWeight(Tensor tensor) implements FrozenWeight {
  @Override
  public Tensor materialize(Scope scope) {
    return tensor;
  }

  @Override
  public long rows() {
    return tensor.size(0);
  }

  @Override
  public long columns() {
    return tensor.size(1);
  }

  @Override
  public void close() {
    tensor.close();
  }
}
