package dev.finetune.trainer.train;

import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.lora.LinearShape;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.ModelModules;
import dev.finetune.trainer.lora.ParameterSection;
import dev.finetune.trainer.lora.WholeModule;
import dev.finetune.trainer.model.DecoderModel;
import java.util.List;

/**
 * The floating-point operations that the matrix products of an optimizer step need, a
 * multiplication and an addition being two. What is computed again to save memory is not counted,
 * nor are norms, activations and the optimizer. The gradient to the embeddings, which nobody needs,
 * is counted: less than one percent in a model of 30 layers.
 *
 * <p>With T tokens in sequences of lengths L, n of them supervised:
 *
 * <ul>
 *   <li>a frozen layer (out, in): {@code x W'} and the gradient to its input {@code g W}, 4 T in
 *       out
 *   <li>its update of rank r: {@code x A'}, {@code low B'}, {@code g B}, {@code up A} and the
 *       gradients to A and B, each 2 T r times in or out, 6 T r (in + out) together
 *   <li>the head over a vocabulary V, where there is a label: logits and the gradient to the hidden
 *       states, 4 n hidden V
 *   <li>attention of H heads of size d, of which a causal mask leaves L (L + 1) / 2 pairs, and a
 *       window of W tokens W (W + 1) / 2 + (L - W) W: {@code q k'} and {@code p v} forward,
 *       gradients to p, v, q and k backward, 12 H d a pair
 * </ul>
 *
 * @param config shape of the decoder
 * @param frozen elements of all frozen linear layers but the head
 * @param low elements of A and B of all updates
 * @param outputs outputs of the head: the vocabulary, or those of a classifier
 * @see <a href="https://arxiv.org/abs/2204.02311">PaLM, appendix B, model FLOPs utilization</a>
 */
public record StepFlops(ModelConfig config, long frozen, long low, long outputs) {
  /** Makes what steps of language modelling cost. */
  public StepFlops(ModelConfig config, long frozen, long low) {
    this(config, frozen, low, config.vocabularySize());
  }

  /** Operations by kind of product. */
  public record Parts(double linear, double low, double head, double attention) {
    /** Returns all of them. */
    public double total() {
      return linear + low + head + attention;
    }
  }

  /** Returns what steps of a model with an adapter cost. */
  public static StepFlops of(DecoderModel model, LoraAdapter adapter) {
    long frozen = 0;
    for (LinearShape linear : model.linears()) {
      frozen += linear.in() * linear.out();
    }
    long low = 0;
    for (ParameterSection section : adapter.sections()) {
      boolean lowRank =
          section.kind() == ParameterSection.Kind.A || section.kind() == ParameterSection.Kind.B;
      low += lowRank ? section.elements() : 0;
    }
    WholeModule score = adapter.whole(ModelModules.SCORE);
    return score == null
        ? new StepFlops(model.config(), frozen, low)
        : new StepFlops(model.config(), frozen, low, score.master().size(0));
  }

  /** Returns the operations of a step on these examples. */
  public Parts of(List<Example> examples) {
    double tokens = 0;
    double supervised = 0;
    double pairs = 0;
    int layers = config.layers();
    for (Example example : examples) {
      double length = example.inputIds().length;
      tokens += length;
      supervised += example.supervisedTokens();
      for (int layer = 0; layer < layers; layer++) {
        pairs += pairs(length, config.layer(layer).window());
      }
    }
    double hidden = config.hiddenSize();
    return new Parts(
        4 * tokens * frozen,
        6 * tokens * low,
        4 * supervised * hidden * outputs,
        12 * pairs * config.queryWidth());
  }

  /** Returns how many keys the tokens of a sequence see. */
  private static double pairs(double length, int window) {
    double seen = window == 0 ? length : Math.min(length, window);
    return seen * (seen + 1) / 2 + (length - seen) * seen;
  }
}
