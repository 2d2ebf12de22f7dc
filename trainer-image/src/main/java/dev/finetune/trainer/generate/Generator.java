package dev.finetune.trainer.generate;

import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.failure.Diverged;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.KeyValueCache;
import java.util.Arrays;
import java.util.BitSet;
import java.util.function.IntConsumer;
import java.util.function.IntPredicate;
import org.jspecify.annotations.Nullable;

/**
 * Goes on from a prompt, token by token.
 *
 * @param kernels the precision
 * @param model the base model
 * @param adapter the update, or null for the base model alone
 */
public record Generator(Kernels kernels, DecoderModel model, @Nullable LoraAdapter adapter) {
  /**
   * What was generated.
   *
   * @param tokens without the one that ended the text
   * @param stopped whether a stop token ended it
   * @param promptNanos time of the prompt's pass
   * @param tokenNanos time of all other passes, one a token
   */
  public record Generated(int[] tokens, boolean stopped, long promptNanos, long tokenNanos) {}

  /**
   * Generates tokens.
   *
   * @param prompt at least one token
   * @param most most tokens to generate; less where the model has no more positions
   * @param stop tokens that end the text; they are not returned
   * @param each takes each token as soon as it is chosen
   * @throws Diverged if a logit is not a number
   */
  public Generated generate(
      int[] prompt, int most, IntPredicate stop, Sampling sampling, IntConsumer each) {
    BitSet text = new BitSet();
    Arrays.stream(prompt).forEach(text::set);
    int[] tokens = new int[most];
    int count = 0;
    try (KeyValueCache cache = new KeyValueCache(kernels)) {
      long start = System.nanoTime();
      float[] logits = logits(prompt, 0, cache);
      long first = System.nanoTime();
      while (true) {
        int next = sampling.choose(logits, text, count);
        boolean stopped = stop.test(next);
        if (!stopped) {
          tokens[count++] = next;
          text.set(next);
          each.accept(next);
        }
        int position = prompt.length + count - 1;
        if (stopped || count == most || position >= model.config().maxPositions()) {
          return new Generated(
              Arrays.copyOf(tokens, count), stopped, first - start, System.nanoTime() - first);
        }
        logits = logits(new int[] {next}, position, cache);
      }
    }
  }

  private float[] logits(int[] tokens, int position, KeyValueCache cache) {
    MicroBatch batch = MicroBatch.continuing(tokens, position);
    try (DecoderModel.Forward forward = model.next(batch, adapter, cache)) {
      float[] logits =
          model.loss(adapter).logits(forward.hidden(), new long[] {tokens.length - 1L});
      for (float logit : logits) {
        if (Float.isNaN(logit)) {
          throw new Diverged(
              "the logits after position %d are not numbers"
                  .formatted(position + tokens.length - 1));
        }
      }
      return logits;
    }
  }
}
