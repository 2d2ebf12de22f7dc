package dev.finetune.trainer.loss;

import dev.finetune.trainer.metrics.Measured;
import dev.finetune.trainer.metrics.NumberScores;

/** A number: the squared error. */
public record OneNumber() implements HeadProblem {
  @Override
  public int outputs() {
    return 1;
  }

  @Override
  public double loss(float[] target, double[] logits, double[] gradient) {
    double error = logits[0] - target[0];
    gradient[0] = 2 * error;
    return error * error;
  }

  @Override
  public double[] prediction(double[] logits) {
    return logits.clone();
  }

  @Override
  public Scores scores() {
    NumberScores scores = new NumberScores();
    return new Scores() {
      @Override
      public void beginBatch() {
        // Each example is one term.
      }

      @Override
      public void add(int example, double loss, float[] target, double[] logits) {
        scores.add(example, loss, target[0], logits[0]);
      }

      @Override
      public Measured measured() {
        return scores.measured();
      }
    };
  }
}
