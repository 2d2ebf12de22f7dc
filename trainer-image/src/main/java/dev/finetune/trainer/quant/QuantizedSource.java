package dev.finetune.trainer.quant;

import dev.finetune.trainer.engine.Tensor;

/** Where the tensors of a quantized weight come from that was quantized before. */
public interface QuantizedSource {
  /** Fills a tensor of bytes, perhaps on another thread and later. */
  void copy(String name, Tensor bytes);

  /** Fills a tensor of 32-bit floats, perhaps on another thread and later. */
  void copyFloats(String name, Tensor floats);

  /** Returns a single number. */
  float number(String name);

  /**
   * Returns the 256 values that quantized scales stand for: those of {@link DoubleQuantization},
   * unless the weight was quantized elsewhere.
   */
  default float[] nestedMap() {
    return DoubleQuantization.map();
  }
}
