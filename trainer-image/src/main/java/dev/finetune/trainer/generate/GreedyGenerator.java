package dev.finetune.trainer.generate;

import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.loss.CausalCrossEntropy;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.KeyValueCache;
import java.util.ArrayList;
import java.util.List;
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
    List<Integer> generated = new ArrayList<>();
    try (KeyValueCache cache = new KeyValueCache(kernels)) {
      int next = likeliest(prompt, 0, cache);
      int position = prompt.length;
      while (!stop.test(next) && generated.size() < most) {
        generated.add(next);
        next = likeliest(new int[] {next}, position++, cache);
      }
    }
    return generated.stream().mapToInt(Integer::intValue).toArray();
  }

  private int likeliest(int[] tokens, int position, KeyValueCache cache) {
    CausalCrossEntropy output = model.loss(adapter);
    MicroBatch batch = MicroBatch.continuing(tokens, position);
    try (DecoderModel.Forward forward = model.next(batch, adapter, cache)) {
      float[] logits = output.logits(forward.hidden(), new long[] {tokens.length - 1L});
      int best = 0;
      for (int i = 1; i < logits.length; i++) {
        if (logits[i] > logits[best]) {
          best = i;
        }
      }
      return best;
    }
  }
}
