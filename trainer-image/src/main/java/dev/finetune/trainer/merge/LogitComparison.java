package dev.finetune.trainer.merge;

import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.Tape;
import dev.finetune.trainer.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * How far the logits of two models are apart, at every place of a few fixed prompts.
 *
 * @param largest the largest difference of two logits
 * @param largestLogit the largest logit of the first model by its size
 * @param relative L2 norm of the differences over that of the first model's logits
 * @param sameChoice share of the places at which both find the same token the likeliest
 * @param places number of places
 */
public record LogitComparison(
    double largest, double largestLogit, double relative, double sameChoice, int places) {
  private static final int MOST_TOKENS = 24;

  private static final List<String> PROMPTS =
      List.of(
          "The capital of France is Paris, and the capital of Italy is",
          "def fibonacci(n):\n    if n < 2:\n        return n\n    return",
          "Question: How many legs do two spiders and a dog have together?\nAnswer:",
          "Dear Sir or Madam,\n\nI am writing to you because",
          "1, 1, 2, 3, 5, 8, 13,");

  /** Returns the token ids of the prompts, each at most 24 tokens long. */
  public static List<int[]> prompts(Tokenizer tokenizer) {
    List<int[]> prompts = new ArrayList<>();
    for (String text : PROMPTS) {
      int[] ids = tokenizer.encode(text);
      prompts.add(Arrays.copyOf(ids, Math.min(ids.length, MOST_TOKENS)));
    }
    prompts.removeIf(ids -> ids.length == 0);
    return prompts;
  }

  /** Returns the logits of a model at all places of the prompts (places, vocabulary). */
  public static List<float[]> logits(
      DecoderModel model, @Nullable LoraAdapter adapter, List<int[]> prompts) {
    List<float[]> logits = new ArrayList<>();
    for (int[] prompt : prompts) {
      MicroBatch batch = MicroBatch.continuing(prompt, 0);
      try (DecoderModel.Forward forward = model.forward(batch, adapter, null, Tape.discarding())) {
        long[] rows = LongStream.range(0, prompt.length).toArray();
        logits.add(model.loss(adapter).logits(forward.hidden(), rows));
      }
    }
    return logits;
  }

  /** Compares what two models gave for the same prompts. */
  public static LogitComparison of(List<float[]> first, List<float[]> second, int vocabulary) {
    double largest = 0;
    double largestLogit = 0;
    double difference = 0;
    double norm = 0;
    int same = 0;
    int places = 0;
    for (int p = 0; p < first.size(); p++) {
      float[] x = first.get(p);
      float[] y = second.get(p);
      for (int i = 0; i < x.length; i++) {
        double apart = Math.abs((double) x[i] - y[i]);
        largest = Math.max(largest, apart);
        largestLogit = Math.max(largestLogit, Math.abs(x[i]));
        difference += apart * apart;
        norm += (double) x[i] * x[i];
      }
      for (int start = 0; start < x.length; start += vocabulary) {
        same += likeliest(x, start, vocabulary) == likeliest(y, start, vocabulary) ? 1 : 0;
        places++;
      }
    }
    return new LogitComparison(
        largest,
        largestLogit,
        norm == 0 ? 0 : Math.sqrt(difference / norm),
        places == 0 ? 1 : (double) same / places,
        places);
  }

  private static int likeliest(float[] logits, int start, int count) {
    int best = start;
    for (int i = start; i < start + count; i++) {
      if (logits[i] > logits[best]) {
        best = i;
      }
    }
    return best;
  }
}
