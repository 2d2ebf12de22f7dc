package dev.finetune.trainer.metrics;

import dev.finetune.api.spec.Metric;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;

/**
 * How well a language model predicts: loss, perplexity, the share of tokens that are the likeliest
 * one after the right tokens before them, and the share of examples of which all are.
 */
public final class TokenScores {
  private final Losses losses = new Losses();
  private double[] hits = new double[64];
  private double[] tokens = new double[64];

  /** Says that what comes is of other examples than what came. */
  public void beginBatch() {
    losses.beginBatch();
  }

  /**
   * Takes in a supervised token.
   *
   * @param example number of its example
   * @param term its negative log-likelihood
   * @param likeliest whether no other token is likelier
   */
  public void add(int example, double term, boolean likeliest) {
    int place = losses.add(example, term);
    if (place == hits.length) {
      hits = Arrays.copyOf(hits, 2 * place);
      tokens = Arrays.copyOf(tokens, 2 * place);
    }
    tokens[place]++;
    hits[place] += likeliest ? 1 : 0;
  }

  /** Returns the metrics of all that was taken in, at least one token. */
  public Measured measured() {
    int examples = losses.examples();
    double[] exact = new double[examples];
    for (int i = 0; i < examples; i++) {
      exact[i] = hits[i] == tokens[i] ? 1 : 0;
    }
    Map<Metric, Statistic> statistics = new EnumMap<>(Metric.class);
    statistics.put(
        Metric.TOKEN_ACCURACY,
        new Ratio(Arrays.copyOf(hits, examples), Arrays.copyOf(tokens, examples)));
    statistics.put(Metric.EXACT_MATCH, Ratio.mean(exact));
    return Summary.of(losses, statistics, Summary.Tables.NONE, true);
  }
}
