package dev.finetune.trainer.basemodel;

import dev.finetune.trainer.basemodel.DecoderTraits.Layer;
import dev.finetune.trainer.basemodel.DecoderTraits.Positions;
import java.util.Collections;

/** In what GPT-2 differs from Llama: nearly everything. */
final class Gpt2Traits {
  private Gpt2Traits() {}

  static DecoderTraits of(int layers) {
    return new DecoderTraits(
        DecoderTraits.Naming.GPT2,
        new DecoderTraits.Attention(
            true,
            true,
            true,
            false,
            0,
            0,
            1,
            Collections.nCopies(layers, new Layer(0, Positions.NONE))),
        new DecoderTraits.FeedForward(DecoderTraits.Activation.GELU_TANH, false, false, true),
        new DecoderTraits.Norms(DecoderTraits.NormKind.LAYER, false, false),
        new DecoderTraits.Embeddings(1, true),
        0);
  }
}
