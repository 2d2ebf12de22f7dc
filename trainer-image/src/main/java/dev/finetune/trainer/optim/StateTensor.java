package dev.finetune.trainer.optim;

import java.lang.foreign.MemorySegment;

/**
 * A named tensor of an optimizer's state. Its values are those in the engine's memory, not a copy:
 * they hold until the optimizer's next update, and are gone once it is closed.
 */
public sealed interface StateTensor {
  /** Returns its name, such as {@code model.layers.0.self_attn.q_proj.lora_A.weight.exp_avg}. */
  String name();

  /** Returns the sizes of its dimensions. */
  long[] shape();

  /** Returns its values in row-major order. */
  MemorySegment values();

  /** 32-bit numbers. */
  record Floats(String name, long[] shape, MemorySegment values) implements StateTensor {}

  /** Codes of one byte. */
  record Codes(String name, long[] shape, MemorySegment values) implements StateTensor {}
}
