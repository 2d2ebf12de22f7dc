package dev.finetune.trainer.recipe;

import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.failure.InvalidConfiguration;

/** What a run's record stands for. */
final class Resolved {
  private Resolved() {}

  /** Returns the type of activations of a recorded precision. */
  static ElementType elementType(String precision) {
    return switch (precision) {
      case "fp32" -> ElementType.F32;
      case "bf16" -> ElementType.BF16;
      default ->
          throw new InvalidConfiguration(
              "run.json: precision must be fp32 or bf16, was " + precision);
    };
  }
}
