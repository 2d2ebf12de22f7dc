package dev.finetune.bench.kernels;

import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import java.util.Random;

/** An engine and random tensors, for one thread. */
final class RandomTensors implements AutoCloseable {
  private final Engine engine;
  private final Kernels kernels;
  private final Scope scope = new Scope();
  private final Random random = new Random(1);

  /**
   * Starts the engine.
   *
   * @param precision {@code fp32} or {@code bf16}
   * @param threads threads within an operation
   */
  RandomTensors(String precision, int threads) {
    engine = Engine.start(threads);
    kernels = new Kernels(engine, precision.equals("bf16") ? ElementType.BF16 : ElementType.F32);
  }

  Kernels kernels() {
    return kernels;
  }

  /** Returns normal numbers in the type of activations. */
  Tensor activations(long... shape) {
    try (Scope temporary = new Scope()) {
      Tensor values = engine.floats(temporary, numbers(shape), shape);
      return kernels.copy(scope, kernels.toActivations(temporary, values));
    }
  }

  /** Returns normal numbers in {@code F32}. */
  Tensor floats(long... shape) {
    return engine.floats(scope, numbers(shape), shape);
  }

  /** Returns normal numbers. */
  float[] numbers(long... shape) {
    int count = 1;
    for (long size : shape) {
      count = Math.toIntExact(count * size);
    }
    float[] values = new float[count];
    for (int i = 0; i < count; i++) {
      values[i] = (float) (0.1 * random.nextGaussian());
    }
    return values;
  }

  /** Returns the scope that lives as long as this. */
  Scope scope() {
    return scope;
  }

  @Override
  public void close() {
    scope.close();
    engine.close();
  }
}
