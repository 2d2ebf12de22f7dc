package dev.finetune.trainer.loss;

import dev.finetune.trainer.metrics.LabelScores;
import dev.finetune.trainer.metrics.Measured;
import java.util.List;

/**
 * One of several labels: cross-entropy. The loss of a place is its label's weight times the
 * negative log-likelihood of the label.
 *
 * @param labels names of the outputs
 * @param weights weight of each label
 * @param smoothing share of a label's probability that training spreads evenly over all labels
 * @param words whether places are words and not texts
 */
public record OneLabel(List<String> labels, double[] weights, double smoothing, boolean words)
    implements HeadProblem {
  /** Copies labels and weights. */
  public OneLabel {
    labels = List.copyOf(labels);
    weights = weights.clone();
    if (labels.size() != weights.length) {
      throw new IllegalArgumentException("expected a weight for each label");
    }
  }

  @Override
  public int outputs() {
    return labels.size();
  }

  @Override
  public double loss(float[] target, double[] logits, double[] gradient) {
    int label = (int) target[0];
    double total = logSumExp(logits);
    double weight = weights[label];
    double even = smoothing / logits.length;
    for (int i = 0; i < logits.length; i++) {
      double wanted = even + (i == label ? 1 - smoothing : 0);
      gradient[i] = weight * (Math.exp(logits[i] - total) - wanted);
    }
    return weight * (total - logits[label]);
  }

  @Override
  public double[] prediction(double[] logits) {
    double total = logSumExp(logits);
    double[] probabilities = new double[logits.length];
    for (int i = 0; i < logits.length; i++) {
      probabilities[i] = Math.exp(logits[i] - total);
    }
    return probabilities;
  }

  private static double logSumExp(double[] logits) {
    double top = logits[likeliest(logits)];
    double sum = 0;
    for (double logit : logits) {
      sum += Math.exp(logit - top);
    }
    return top + Math.log(sum);
  }

  /** Returns the place of the greatest number, the first one of several. */
  public static int likeliest(double[] numbers) {
    int best = 0;
    for (int i = 1; i < numbers.length; i++) {
      best = numbers[i] > numbers[best] ? i : best;
    }
    return best;
  }

  @Override
  public Scores scores() {
    LabelScores scores = new LabelScores(labels, words);
    return new Scores() {
      @Override
      public void beginBatch() {
        scores.beginBatch();
      }

      @Override
      public void add(int example, double loss, float[] target, double[] logits) {
        boolean counts = !words || target[1] == 1;
        scores.add(example, loss, counts ? said((int) target[0], logits) : null);
      }

      @Override
      public Measured measured() {
        return scores.measured();
      }
    };
  }

  private LabelScores.Prediction said(int label, double[] logits) {
    int likeliest = likeliest(logits);
    return new LabelScores.Prediction(label, likeliest, prediction(logits)[likeliest]);
  }
}
