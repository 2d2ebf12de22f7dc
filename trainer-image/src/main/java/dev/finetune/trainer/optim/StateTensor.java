package dev.finetune.trainer.optim;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;

/** A named tensor of an optimizer's state, copied out of the engine. */
public sealed interface StateTensor {
  /** Returns its name, such as {@code model.layers.0.self_attn.q_proj.lora_A.weight.exp_avg}. */
  String name();

  /** Returns the sizes of its dimensions. */
  long[] shape();

  /** 32-bit numbers. */
  record Floats(String name, long[] shape, FloatBuffer values) implements StateTensor {}

  /** Codes of one byte. */
  record Codes(String name, long[] shape, ByteBuffer values) implements StateTensor {}
}
