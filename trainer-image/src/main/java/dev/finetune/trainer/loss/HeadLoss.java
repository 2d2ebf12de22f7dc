package dev.finetune.trainer.loss;

import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.lora.WholeModule;
import dev.finetune.trainer.metrics.Measured;
import org.jspecify.annotations.Nullable;

/**
 * The loss of a head: the last norm and a linear layer, {@code score}, at the places that have a
 * target, as transformers' models for classification have it. The layer is computed in 32 bits
 * whatever the precision, and its few outputs are worked on here.
 *
 * @param kernels the precision
 * @param norm weight of the last norm (hidden), {@code F32}
 * @param epsilon epsilon of the last norm
 * @param score the head, trained whole
 * @param problem what the outputs mean
 * @param trainedNorm gradient to the norm's weight (hidden), {@code F32}, or null if it is frozen
 */
public record HeadLoss(
    Kernels kernels,
    Tensor norm,
    double epsilon,
    Score score,
    HeadProblem problem,
    @Nullable Tensor trainedNorm)
    implements Objective {
  /**
   * The linear layer.
   *
   * @param weight (outputs, hidden)
   * @param bias (outputs), or null
   */
  public record Score(WholeModule weight, @Nullable WholeModule bias) {}

  @Override
  public int terms(Example example) {
    return example.target() == null ? 0 : example.supervisedTokens();
  }

  @Override
  public int[] termExamples(MicroBatch batch) {
    return batch.rowExamples();
  }

  @Override
  public float[] terms(Tensor hidden, MicroBatch batch) {
    return losses(logits(hidden, batch.rows()), batch, 0).terms();
  }

  /** Returns the outputs at some places, one row each. */
  public double[][] logits(Tensor hidden, long[] rows) {
    try (Scope scope = new Scope()) {
      Tensor selected = kernels.selectRows(scope, hidden, kernels.engine().longs(scope, rows));
      return outputs(wide(scope, kernels.rmsNorm(scope, selected, norm, epsilon).y()));
    }
  }

  private double[][] outputs(Tensor h) {
    int outputs = problem.outputs();
    float[] bias = score.bias() == null ? new float[outputs] : score.bias().master().toFloats();
    try (Scope scope = new Scope()) {
      float[] flat = kernels.linear(scope, h, score.weight().master()).toFloats();
      double[][] rows = new double[flat.length / outputs][outputs];
      for (int i = 0; i < flat.length; i++) {
        rows[i / outputs][i % outputs] = (double) flat[i] + bias[i % outputs];
      }
      return rows;
    }
  }

  private Tensor wide(Scope scope, Tensor h) {
    return kernels.type() == ElementType.F32 ? h : kernels.toFloat(scope, h);
  }

  /** Loss of each place, and its scaled gradient to the outputs, row by row. */
  private record Losses(float[] terms, float[] gradient) {}

  private Losses losses(double[][] logits, MicroBatch batch, double scale) {
    int outputs = problem.outputs();
    float[] terms = new float[logits.length];
    float[] gradient = new float[logits.length * outputs];
    double[] row = new double[outputs];
    for (int i = 0; i < logits.length; i++) {
      terms[i] = (float) problem.loss(batch.values()[i], logits[i], row);
      for (int j = 0; j < outputs; j++) {
        gradient[i * outputs + j] = (float) (scale * row[j]);
      }
    }
    return new Losses(terms, gradient);
  }

  @Override
  public Result withGradient(Scope scope, Tensor hidden, MicroBatch batch, double scale) {
    try (Scope temporary = new Scope()) {
      Tensor places = kernels.engine().longs(temporary, batch.rows());
      Tensor selected = kernels.selectRows(temporary, hidden, places);
      Kernels.Normalized normalized = kernels.rmsNorm(temporary, selected, norm, epsilon);
      Tensor h = wide(temporary, normalized.y());
      Losses losses = losses(outputs(h), batch, scale);
      Tensor g =
          kernels
              .engine()
              .floats(temporary, losses.gradient(), losses.terms().length, problem.outputs());
      kernels.accumulateGradient(score.weight().gradient(), g, h);
      accumulateBias(losses.gradient());
      Tensor dh = kernels.linearBackward(temporary, g, score.weight().master());
      if (trainedNorm != null) {
        kernels.accumulateNorm(trainedNorm, dh, selected, normalized.inverse());
      }
      Tensor dx = kernels.rmsNormBackward(temporary, dh, selected, normalized.inverse(), norm);
      return new Result(losses.terms(), kernels.scatterRows(scope, hidden, places, dx));
    }
  }

  private void accumulateBias(float[] gradient) {
    WholeModule bias = score.bias();
    if (bias == null) {
      return;
    }
    double[] sums = new double[problem.outputs()];
    for (int i = 0; i < gradient.length; i++) {
      sums[i % sums.length] += gradient[i];
    }
    float[] rounded = new float[sums.length];
    for (int i = 0; i < sums.length; i++) {
      rounded[i] = (float) sums[i];
    }
    try (Scope scope = new Scope()) {
      kernels.accumulate(bias.gradient(), kernels.engine().floats(scope, rounded, rounded.length));
    }
  }

  @Override
  public Measurement measurement() {
    HeadProblem.Scores scores = problem.scores();
    return new Measurement() {
      @Override
      public float[] add(Tensor hidden, MicroBatch batch) {
        double[][] logits = logits(hidden, batch.rows());
        float[] terms = losses(logits, batch, 0).terms();
        scores.beginBatch();
        for (int i = 0; i < terms.length; i++) {
          scores.add(batch.rowExamples()[i], terms[i], batch.values()[i], logits[i]);
        }
        return terms;
      }

      @Override
      public Measured result() {
        return scores.measured();
      }
    };
  }
}
