package dev.finetune.trainer.generate;

import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.model.DecoderModel;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Goes on from a prompt with the likeliest token each time; on ties the lower id.
 *
 * @param kernels the precision
 * @param model the base model
 * @param adapter the update, or null for the base model alone
 */
public record GreedyGenerator(Kernels kernels, DecoderModel model, @Nullable LoraAdapter adapter) {
  /**
   * Generates tokens.
   *
   * @param prompt at least one token
   * @param most most tokens to generate
   * @param stop tokens that end the text; they are not returned
   */
  public int[] generate(int[] prompt, int most, IntPredicate stop) {
    return new Generator(kernels, model, adapter)
        .generate(prompt, most, stop, Sampling.GREEDY, _ -> {})
        .tokens();
  }
}
