package dev.finetune.trainer.optim;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Stochastic gradient descent as {@code torch.optim.SGD} computes it, without dampening and without
 * Nesterov's step. Weight decay is added to the gradient. Without momentum there is no state.
 */
public final class Sgd implements Optimizer {
  private static final String VELOCITY = "momentum_buffer";

  private final Kernels kernels;
  private final double momentum;
  private final double weightDecay;
  private final List<ParameterLayout.Range> ranges;
  private final Scope scope = new Scope();
  private final @Nullable FlatState velocity;

  /**
   * Makes one that has not moved.
   *
   * @param momentum share of the last update that is kept, 0 to 1 (exclusive)
   * @param weightDecay share of the parameters that is added to their gradients
   */
  public Sgd(Kernels kernels, ParameterLayout layout, double momentum, double weightDecay) {
    this.kernels = kernels;
    this.momentum = momentum;
    this.weightDecay = weightDecay;
    this.ranges = layout.ranges();
    this.velocity = momentum == 0 ? null : FlatState.like(kernels, scope, layout, VELOCITY);
  }

  @Override
  public void update(
      Tensor parameters, Tensor gradients, double learningRate, int step, double clip) {
    for (ParameterLayout.Range range : ranges) {
      Kernels.Flat flat = new Kernels.Flat(parameters, gradients, range.start(), range.elements());
      double rate = learningRate * range.rates().learning();
      double decay = weightDecay * range.rates().decay();
      if (velocity == null) {
        kernels.sgd(flat, clip, rate, decay);
      } else {
        kernels.sgdWithMomentum(flat, velocity.tensor(), clip, rate, decay, momentum);
      }
    }
  }

  @Override
  public List<StateTensor> state() {
    return velocity == null ? List.of() : velocity.save().toList();
  }

  @Override
  public void restore(StateSource source) {
    if (velocity != null) {
      velocity.restore(source);
    }
  }

  @Override
  public void close() {
    scope.close();
  }
}
