package dev.finetune.trainer.loss;

import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.lora.LoraModule;
import dev.finetune.trainer.metrics.Measured;
import dev.finetune.trainer.metrics.TokenScores;
import org.jspecify.annotations.Nullable;

/**
 * The loss of language modelling: the last norm, the output layer and cross-entropy, on supervised
 * places only and in chunks, so that logits are never kept.
 *
 * @param kernels the precision
 * @param norm weight of the last norm (hidden), {@code F32}
 * @param epsilon epsilon of the last norm
 * @param head weight of the output layer (vocabulary, hidden)
 * @param labelSmoothing share of a label's probability that training spreads evenly over all
 *     tokens, 0 to 1 (exclusive)
 * @param trained what is trained of the norm and the output layer
 * @param output what is special about the norm and the logits
 * @see <a href="https://arxiv.org/abs/1512.00567">Rethinking the Inception architecture, section 7
 *     (label smoothing)</a>
 */
public record CausalCrossEntropy(
    Kernels kernels,
    Tensor norm,
    double epsilon,
    Tensor head,
    double labelSmoothing,
    Trained trained,
    Output output)
    implements Objective {
  /**
   * What is special about the last norm and the logits.
   *
   * @param normBias bias of the last norm (hidden), {@code F32}, if it is a layer norm; null if it
   *     divides by the root mean square
   * @param softCap largest size of a logit, {@code cap tanh(x / cap)}; 0 for none
   */
  public record Output(@Nullable Tensor normBias, double softCap) {
    /** A root mean square, and logits as they are. */
    public static final Output PLAIN = new Output(null, 0);
  }

  /**
   * What an adapter trains of the norm and the output layer.
   *
   * @param norm gradient to the norm's weight (hidden), {@code F32}, or null if it is frozen
   * @param head gradient to the output layer's weight (vocabulary, hidden), {@code F32}, or null if
   *     it is frozen
   * @param update low-rank update of the output layer, or null
   */
  public record Trained(@Nullable Tensor norm, @Nullable Tensor head, @Nullable LoraModule update) {
    /** Nothing. */
    public static final Trained NOTHING = new Trained(null, null, null);
  }

  /** Makes the loss of a plain output, some of which is trained. */
  public CausalCrossEntropy(
      Kernels kernels,
      Tensor norm,
      double epsilon,
      Tensor head,
      double labelSmoothing,
      Trained trained) {
    this(kernels, norm, epsilon, head, labelSmoothing, trained, Output.PLAIN);
  }

  /** Makes the loss of frozen weights. */
  public CausalCrossEntropy(
      Kernels kernels, Tensor norm, double epsilon, Tensor head, double labelSmoothing) {
    this(kernels, norm, epsilon, head, labelSmoothing, Trained.NOTHING, Output.PLAIN);
  }

  /** Makes the loss of frozen weights without smoothing. */
  public CausalCrossEntropy(Kernels kernels, Tensor norm, double epsilon, Tensor head) {
    this(kernels, norm, epsilon, head, 0);
  }

  /**
   * Returns the negative log-likelihood of each label, in nats.
   *
   * @param hidden hidden states (T, hidden)
   * @param rows places whose next token is supervised (n), at least one
   * @param labels the supervised tokens (n)
   */
  public float[] negativeLogLikelihoods(Tensor hidden, long[] rows, long[] labels) {
    return likelihoods(hidden, rows, labels).nll();
  }

  /** Of each label its negative log-likelihood, and 1 if no token is likelier, else 0. */
  private record Likelihoods(float[] nll, float[] likeliest) {}

  private Likelihoods likelihoods(Tensor hidden, long[] rows, long[] labels) {
    try (Scope scope = new Scope()) {
      Tensor places = kernels.engine().longs(scope, rows);
      Tensor selected = kernels.selectRows(scope, hidden, places);
      Tensor h = normalized(scope, selected).y();
      Tensor targets = kernels.engine().longs(scope, labels);
      Kernels.Likelihoods found =
          kernels.crossEntropy(scope, h, head, lowRank(scope, h), targets, output.softCap());
      return new Likelihoods(found.nll().toFloats(), found.likeliest().toFloats());
    }
  }

  @Override
  public int terms(Example example) {
    return example.supervisedTokens();
  }

  @Override
  public int[] termExamples(MicroBatch batch) {
    return batch.rowExamples();
  }

  @Override
  public float[] terms(Tensor hidden, MicroBatch batch) {
    return negativeLogLikelihoods(hidden, batch.rows(), batch.labels());
  }

  @Override
  public Result withGradient(Scope scope, Tensor hidden, MicroBatch batch, double scale) {
    return withGradient(scope, hidden, batch.rows(), batch.labels(), scale);
  }

  /**
   * Returns the negative log-likelihoods and the gradient of {@code scale} times the sum of the
   * losses.
   *
   * <p>With smoothing e the loss of a place is {@code (1 - e) nll + e mean(-log p)} over the
   * vocabulary, as transformers' LabelSmoother has it. What is returned beside the gradient is the
   * plain negative log-likelihood, so that the loss of a run compares with its held-out loss and
   * with other runs.
   *
   * @param scope owner of the gradient
   * @param scale 1 / supervised tokens of the whole global batch
   */
  public Result withGradient(Scope scope, Tensor hidden, long[] rows, long[] labels, double scale) {
    try (Scope temporary = new Scope()) {
      Tensor places = kernels.engine().longs(temporary, rows);
      Tensor selected = kernels.selectRows(temporary, hidden, places);
      Kernels.Normalized h = normalized(temporary, selected);
      Tensor targets = kernels.engine().longs(temporary, labels);
      Kernels.OutputUpdate lowRank = lowRank(temporary, h.y());
      Kernels.LossAndGradient loss =
          kernels.crossEntropyGradient(
              temporary,
              h.y(),
              head,
              lowRank,
              targets,
              new Kernels.Target(scale, labelSmoothing, output.softCap()),
              trained.head());
      accumulateUpdate(h.y(), loss, lowRank);
      if (trained.norm() != null) {
        kernels.accumulateNorm(trained.norm(), loss.hidden(), selected, h.inverse());
      }
      Tensor wide = normBackward(temporary, loss.hidden(), selected, h.inverse());
      return new Result(loss.nll().toFloats(), kernels.scatterRows(scope, hidden, places, wide));
    }
  }

  Kernels.Normalized normalized(Scope scope, Tensor x) {
    Tensor bias = output.normBias();
    return bias == null
        ? kernels.rmsNorm(scope, x, norm, epsilon)
        : kernels.layerNorm(scope, x, norm, bias, epsilon);
  }

  Tensor normBackward(Scope scope, Tensor g, Tensor x, Tensor inverse) {
    return output.normBias() == null
        ? kernels.rmsNormBackward(scope, g, x, inverse, norm)
        : kernels.layerNormBackward(scope, g, x, inverse, norm);
  }

  Kernels.@Nullable OutputUpdate lowRank(Scope scope, Tensor h) {
    LoraModule update = trained.update();
    if (update == null) {
      return null;
    }
    Tensor low = kernels.loraLow(scope, h, update.a());
    return new Kernels.OutputUpdate(
        low, kernels.emptyLike(scope, low), update.b(), update.gradientB(), update.scaling());
  }

  void accumulateUpdate(
      Tensor h, Kernels.LossAndGradient loss, Kernels.@Nullable OutputUpdate lowRank) {
    LoraModule update = trained.update();
    if (update != null && lowRank != null) {
      kernels.accumulateGradient(update.gradientA(), lowRank.up(), h);
      kernels.accumulateProduct(loss.hidden(), lowRank.up(), update.a());
    }
  }

  @Override
  public Measurement measurement() {
    TokenScores scores = new TokenScores();
    return new Measurement() {
      @Override
      public float[] add(Tensor hidden, MicroBatch batch) {
        Likelihoods likelihoods = likelihoods(hidden, batch.rows(), batch.labels());
        scores.beginBatch();
        for (int i = 0; i < likelihoods.nll().length; i++) {
          boolean likeliest = likelihoods.likeliest()[i] == 1;
          scores.add(batch.rowExamples()[i], likelihoods.nll()[i], likeliest);
        }
        return likelihoods.nll();
      }

      @Override
      public Measured result() {
        return scores.measured();
      }
    };
  }

  /** Returns the logits (n, vocabulary) at some places, in row-major order. */
  public float[] logits(Tensor hidden, long[] rows) {
    try (Scope scope = new Scope()) {
      Tensor selected = kernels.selectRows(scope, hidden, kernels.engine().longs(scope, rows));
      Tensor h = normalized(scope, selected).y();
      return kernels.logits(scope, h, head, lowRank(scope, h), output.softCap()).toFloats();
    }
  }
}
