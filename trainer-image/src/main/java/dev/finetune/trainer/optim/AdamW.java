package dev.finetune.trainer.optim;

import dev.finetune.trainer.engine.AdamStep;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import java.util.List;
import java.util.stream.Stream;

/**
 * Adam with decoupled weight decay, as {@code torch.optim.AdamW} computes it.
 *
 * @see <a href="https://arxiv.org/abs/1711.05101">Decoupled weight decay regularization</a>
 */
public final class AdamW implements Optimizer {
  static final String FIRST = "exp_avg";
  static final String SECOND = "exp_avg_sq";

  private final Kernels kernels;
  private final AdamConstants constants;
  private final List<ParameterLayout.Range> ranges;
  private final Scope scope = new Scope();
  private final FlatState first;
  private final FlatState second;

  /** Makes one whose moments are zero. */
  public AdamW(Kernels kernels, ParameterLayout layout, AdamConstants constants) {
    this.kernels = kernels;
    this.constants = constants;
    this.ranges = layout.ranges();
    this.first = FlatState.like(kernels, scope, layout, FIRST);
    this.second = FlatState.like(kernels, scope, layout, SECOND);
  }

  @Override
  public void update(
      Tensor parameters, Tensor gradients, double learningRate, int step, double clip) {
    for (ParameterLayout.Range range : ranges) {
      AdamStep numbers = constants.step(range.rates(), learningRate, step, clip);
      kernels.adamW(
          new Kernels.Flat(parameters, gradients, range.start(), range.elements()),
          first.tensor(),
          second.tensor(),
          range.start(),
          numbers);
    }
  }

  /** Returns the exponential averages of gradients, laid out as the parameters. */
  public float[] firstMoment() {
    return first.tensor().toFloats();
  }

  /** Returns the exponential averages of squared gradients, laid out as the parameters. */
  public float[] secondMoment() {
    return second.tensor().toFloats();
  }

  @Override
  public List<StateTensor> state() {
    return Stream.concat(first.save(), second.save()).toList();
  }

  @Override
  public void restore(StateSource source) {
    first.restore(source);
    second.restore(source);
  }

  @Override
  public void close() {
    scope.close();
  }
}
