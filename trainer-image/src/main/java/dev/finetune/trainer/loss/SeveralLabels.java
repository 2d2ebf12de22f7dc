package dev.finetune.trainer.loss;

import dev.finetune.trainer.metrics.Measured;
import dev.finetune.trainer.metrics.MultiLabelScores;
import java.util.List;

/**
 * Any number of labels: the mean over all labels of the binary cross-entropy of each, times its
 * weight. A label is predicted if its probability is above one half.
 *
 * @param labels names of the outputs
 * @param weights weight of each label
 */
public record SeveralLabels(List<String> labels, double[] weights) implements HeadProblem {
  /** Copies labels and weights. */
  public SeveralLabels {
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
    double sum = 0;
    for (int i = 0; i < logits.length; i++) {
      double share = weights[i] / logits.length;
      // max(z, 0) - z t + log(1 + exp(-|z|)), which does not overflow
      double z = logits[i];
      sum += share * (Math.max(z, 0) - z * target[i] + Math.log1p(Math.exp(-Math.abs(z))));
      gradient[i] = share * (sigmoid(z) - target[i]);
    }
    return sum;
  }

  private static double sigmoid(double z) {
    return 1 / (1 + Math.exp(-z));
  }

  @Override
  public double[] prediction(double[] logits) {
    double[] probabilities = new double[logits.length];
    for (int i = 0; i < logits.length; i++) {
      probabilities[i] = sigmoid(logits[i]);
    }
    return probabilities;
  }

  @Override
  public Scores scores() {
    MultiLabelScores scores = new MultiLabelScores(labels);
    return new Scores() {
      @Override
      public void beginBatch() {
        // Each example is one term.
      }

      @Override
      public void add(int example, double loss, float[] target, double[] logits) {
        boolean[] actual = new boolean[logits.length];
        boolean[] predicted = new boolean[logits.length];
        for (int i = 0; i < logits.length; i++) {
          actual[i] = target[i] > 0;
          predicted[i] = logits[i] > 0;
        }
        scores.add(example, loss, actual, predicted);
      }

      @Override
      public Measured measured() {
        return scores.measured();
      }
    };
  }
}
