package dev.finetune.trainer.loss;

import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.metrics.Measured;

/**
 * What training makes small: a sum of terms over examples, divided by the number of terms of the
 * whole global batch. A term is a supervised token of language modelling, or what a head predicts.
 */
public interface Objective {
  /** Returns the number of terms of an example. */
  int terms(Example example);

  /** Returns the index of the example that each term of a micro-batch belongs to, in order. */
  int[] termExamples(MicroBatch batch);

  /**
   * Returns each term, in nats or the unit of the head's loss, without label smoothing.
   *
   * @param hidden hidden states (T, hidden) after the last block, before the last norm
   */
  float[] terms(Tensor hidden, MicroBatch batch);

  /** Terms without label smoothing, and the gradient to the hidden states (T, hidden). */
  record Result(float[] terms, Tensor gradient) {}

  /**
   * Returns the terms and the gradient of {@code scale} times their sum, and adds the gradients of
   * what is trained of norm and head.
   *
   * @param scope owner of the gradient
   * @param scale 1 / terms of the whole global batch
   */
  Result withGradient(Scope scope, Tensor hidden, MicroBatch batch, double scale);

  /** Takes micro-batches in, none of whose examples came before, and measures them. */
  interface Measurement {
    /** Takes in a micro-batch with at least one term and returns its terms. */
    float[] add(Tensor hidden, MicroBatch batch);

    /** Returns the metrics of all that was taken in, at least one term. */
    Measured result();
  }

  /** Begins to measure held-out examples. */
  Measurement measurement();
}
