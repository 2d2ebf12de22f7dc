package dev.finetune.trainer.optim;

import dev.finetune.api.spec.OptimizerOptions;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.failure.UnreadableData;
import java.util.List;

/** Turns gradients into updates of the flat parameters of an adapter, in {@code F32}. */
public sealed interface Optimizer extends AutoCloseable permits Adafactor, AdamW, AdamW8bit, Sgd {
  /** Makes the optimizer that a job asks for, whose state is zero. */
  static Optimizer of(Kernels kernels, ParameterLayout layout, Training training) {
    double weightDecay = training.weightDecay();
    return switch (training.optimizer()) {
      case ADAM_W -> new AdamW(kernels, layout, AdamConstants.of(training));
      case ADAM_W_8BIT -> new AdamW8bit(kernels, layout, AdamConstants.of(training));
      case SGD -> {
        OptimizerOptions options = training.optimizerOptions();
        Double momentum = options == null ? null : options.momentum();
        yield new Sgd(kernels, layout, momentum == null ? 0 : momentum, weightDecay);
      }
      case ADAFACTOR -> new Adafactor(kernels, layout, weightDecay);
    };
  }

  /**
   * Updates parameters in place; gradients stay as they are.
   *
   * @param learningRate rate of this step
   * @param step optimizer step, from 1
   * @param clip factor of the gradients, at most 1
   */
  void update(Tensor parameters, Tensor gradients, double learningRate, int step, double clip);

  /** Returns the state, not copied, empty if there is none. Nothing else is needed to go on. */
  List<StateTensor> state();

  /**
   * Overwrites the state.
   *
   * @throws UnreadableData if a part is missing or of another shape
   */
  void restore(StateSource source);

  @Override
  void close();
}
