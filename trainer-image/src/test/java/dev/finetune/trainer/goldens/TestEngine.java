package dev.finetune.trainer.goldens;

import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;

/** The one engine of a test process; libtorch cannot be loaded twice. */
public final class TestEngine {
  private static final Engine ENGINE = Engine.start(2);

  private TestEngine() {}

  /** Returns the engine. */
  public static Engine engine() {
    ENGINE.useThreads(2);
    return ENGINE;
  }

  /** Returns the kernels of a precision. */
  public static Kernels kernels(ElementType type) {
    return new Kernels(engine(), type);
  }
}
