package dev.finetune.trainer.loss;

import dev.finetune.trainer.metrics.Measured;

/**
 * What a head predicts at a place from as many numbers as it has outputs, and what is lost by it.
 */
public sealed interface HeadProblem permits OneLabel, SeveralLabels, OneNumber {
  /** Returns the number of outputs. */
  int outputs();

  /**
   * Returns the loss of a place as it is reported, without label smoothing.
   *
   * @param target what is to be predicted, as {@code MicroBatch.values} has it
   * @param logits outputs of the head
   * @param gradient overwritten by the gradient of the loss that is trained on, by output
   */
  double loss(float[] target, double[] logits, double[] gradient);

  /** Returns what the outputs say: probabilities of the labels, or the number. */
  double[] prediction(double[] logits);

  /** Takes predictions in and measures them. */
  interface Scores {
    /** Says that what comes is of other examples than what came. */
    void beginBatch();

    /** Takes in a place of an example, which has a loss and outputs. */
    void add(int example, double loss, float[] target, double[] logits);

    /** Returns the metrics of all that was taken in. */
    Measured measured();
  }

  /** Begins to measure. */
  Scores scores();
}
