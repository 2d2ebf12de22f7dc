package dev.finetune.trainer.generate;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.random.CounterRandom;
import java.util.Arrays;
import java.util.BitSet;

/**
 * How the next token is chosen. The rules apply in the order of transformers: repetition penalty,
 * temperature, top-k, top-p. The same seed, prompt and logits give the same tokens on every
 * machine.
 *
 * @param temperature logits are divided by it; 0 takes the likeliest token, on ties the lower id
 * @param topK most tokens to choose from, or 0 for all
 * @param topP tokens to choose from are the likeliest whose probabilities together reach it
 * @param repetitionPenalty positive logits of tokens that are in the text are divided by it, others
 *     multiplied; 1 for none
 * @param seed seed of the choice
 * @see <a href="https://arxiv.org/abs/1904.09751">The curious case of neural text degeneration,
 *     section 3.1 (top-p)</a>
 */
public record Sampling(
    double temperature, int topK, double topP, double repetitionPenalty, long seed) {
  /** The likeliest token each time. */
  public static final Sampling GREEDY = new Sampling(0, 0, 1, 1, 0);

  /** Checks the ranges. */
  public Sampling {
    require(temperature >= 0 && temperature <= 100, "--temperature: must be 0 to 100", temperature);
    require(topK >= 0, "--top-k: must be at least 0", topK);
    require(topP > 0 && topP <= 1, "--top-p: must be above 0 and at most 1", topP);
    require(
        repetitionPenalty >= 0.1 && repetitionPenalty <= 10,
        "--repetition-penalty: must be 0.1 to 10",
        repetitionPenalty);
  }

  private static void require(boolean fine, String rule, double found) {
    if (!fine) {
      throw new InvalidConfiguration(
          rule + ", was " + (found == Math.rint(found) ? "" + (long) found : "" + found));
    }
  }

  /**
   * Chooses a token.
   *
   * @param logits of all tokens; overwritten
   * @param text the tokens that are in the text already
   * @param place how many tokens were chosen before
   */
  int choose(float[] logits, BitSet text, int place) {
    if (repetitionPenalty != 1) {
      penalize(logits, text);
    }
    int likeliest = likeliest(logits);
    if (temperature == 0) {
      return likeliest;
    }
    double[] weights = new double[logits.length];
    double sum = 0;
    for (int i = 0; i < logits.length; i++) {
      weights[i] = StrictMath.exp((logits[i] - logits[likeliest]) / temperature);
      sum += weights[i];
    }
    double random = CounterRandom.uniform(CounterRandom.key(seed), place);
    if (topK == 0 && topP == 1) {
      return walk(weights, random * sum, likeliest);
    }
    return among(weights, sum, random);
  }

  private void penalize(float[] logits, BitSet text) {
    for (int id = text.nextSetBit(0); id >= 0; id = text.nextSetBit(id + 1)) {
      logits[id] =
          (float)
              (logits[id] > 0 ? logits[id] / repetitionPenalty : logits[id] * repetitionPenalty);
    }
  }

  private static int likeliest(float[] logits) {
    int best = 0;
    for (int i = 1; i < logits.length; i++) {
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }

  private static int walk(double[] weights, double place, int fallback) {
    double sum = 0;
    for (int i = 0; i < weights.length; i++) {
      sum += weights[i];
      if (place < sum) {
        return i;
      }
    }
    return fallback;
  }

  private int among(double[] weights, double sum, double random) {
    int[] ordered = likeliestFirst(weights, sum);
    int most = topK == 0 ? ordered.length : Math.min(topK, ordered.length);
    double kept = 0;
    for (int i = 0; i < most; i++) {
      kept += weights[ordered[i]];
    }
    // The share is of what top-k has left.
    double enough = topP * (topK == 0 ? sum : kept);
    double nucleus = 0;
    int count = 0;
    while (count < most && (count == 0 || nucleus < enough)) {
      nucleus += weights[ordered[count++]];
    }
    double[] chosen = new double[count];
    Arrays.setAll(chosen, i -> weights[ordered[i]]);
    return ordered[walk(chosen, random * nucleus, 0)];
  }

  /**
   * Returns the tokens that top-k and top-p could choose from, the likeliest first, on ties the
   * lower id. Tokens whose probability is below {@code (1 - topP) / vocabulary} together have less
   * than what top-p leaves out, so they need no sorting.
   */
  private int[] likeliestFirst(double[] weights, double sum) {
    double least = topK > 0 ? 0 : sum * (1 - topP) / weights.length;
    long[] keys = new long[weights.length];
    int count = 0;
    for (int i = 0; i < weights.length; i++) {
      if (weights[i] >= least) {
        // Bits of floats from 0 are in the order of the floats.
        long inverted = ~Float.floatToRawIntBits((float) weights[i]) & 0xffffffffL;
        keys[count++] = inverted << 32 | i;
      }
    }
    Arrays.sort(keys, 0, count);
    int[] ordered = new int[count];
    for (int i = 0; i < count; i++) {
      ordered[i] = (int) keys[i];
    }
    return ordered;
  }
}
