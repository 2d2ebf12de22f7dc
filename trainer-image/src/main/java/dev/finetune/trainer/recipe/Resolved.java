package dev.finetune.trainer.recipe;

import dev.finetune.api.spec.Precision;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Processor;
import dev.finetune.trainer.failure.InvalidConfiguration;

/** What {@code auto} stands for on this machine. */
final class Resolved {
  private Resolved() {}

  /**
   * Returns the name of a precision as {@code run.json} records it, {@code fp32} or {@code bf16}.
   */
  static String precision(Precision precision) {
    return switch (precision) {
      case FP32 -> "fp32";
      case BF16 -> "bf16";
      case AUTO -> Processor.hasBfloat16() ? "bf16" : "fp32";
    };
  }

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
