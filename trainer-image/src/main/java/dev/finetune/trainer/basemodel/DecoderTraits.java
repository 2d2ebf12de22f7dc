package dev.finetune.trainer.basemodel;

import java.util.Collections;
import java.util.List;

/**
 * In what a decoder differs from Llama's: what {@link ModelConfig}'s sizes do not say.
 *
 * @param naming how its modules are called
 * @param attention what is special about attention
 * @param feedForward what is special about the feed-forward half of a block
 * @param norms which norms there are
 * @param embeddings what happens to the embeddings before the first block
 * @param logitSoftCap largest size of a logit, {@code cap tanh(x / cap)}; 0 for none
 */
public record DecoderTraits(
    Naming naming,
    Attention attention,
    FeedForward feedForward,
    Norms norms,
    Embeddings embeddings,
    double logitSoftCap) {
  /** Llama's. */
  public static final DecoderTraits LLAMA =
      new DecoderTraits(
          Naming.LLAMA,
          new Attention(false, false, false, false, 0, 0, 1, List.of()),
          new FeedForward(Activation.SILU, true, false, false),
          new Norms(NormKind.ROOT_MEAN_SQUARE, false, false),
          new Embeddings(1, false),
          0);

  /** How modules are called. */
  public enum Naming {
    /** {@code model.layers.0.self_attn.q_proj}. */
    LLAMA,
    /** {@code transformer.h.0.attn.c_attn}. */
    GPT2
  }

  /** The function between the two products of the feed-forward half. */
  public enum Activation {
    /** {@code x sigmoid(x)}. */
    SILU,
    /** The approximation of GELU by a hyperbolic tangent. */
    GELU_TANH
  }

  /** What a norm divides by. */
  public enum NormKind {
    /** The root of the mean square. */
    ROOT_MEAN_SQUARE,
    /** The standard deviation, after the mean is subtracted; it adds a bias too. */
    LAYER
  }

  /** Where the position of a token comes in. */
  public enum Positions {
    /** Queries and keys are rotated. */
    ROTARY,
    /** Queries and keys are rotated by frequencies of their own, which are not scaled. */
    LOCAL_ROTARY,
    /** Nowhere in attention. */
    NONE
  }

  /**
   * What is special about one block's attention.
   *
   * @param window how many tokens a token sees, itself included; 0 for all before it
   * @param positions where positions come in
   */
  public record Layer(int window, Positions positions) {
    /** All tokens before it, with rotations. */
    public static final Layer FULL = new Layer(0, Positions.ROTARY);

    /** Checks the window. */
    public Layer {
      if (window < 0) {
        throw new IllegalArgumentException("sliding window must be at least 1, was " + window);
      }
    }
  }

  /**
   * What is special about attention.
   *
   * @param fused whether queries, keys and values come of one linear layer
   * @param inputBias whether the layers before attention have a bias
   * @param outputBias whether the layer after it has one
   * @param headNorms whether each head of queries and keys has a norm
   * @param queryScalar scores are divided by its root; 0 for the size of a head
   * @param softCap largest size of a score, {@code cap tanh(x / cap)}; 0 for none
   * @param rotaryShare share of a head that is rotated, its first elements
   * @param localRopeTheta base of the frequencies of {@link Positions#LOCAL_ROTARY}
   * @param layers what differs by block; empty if nothing does
   */
  public record Attention(
      boolean fused,
      boolean inputBias,
      boolean outputBias,
      boolean headNorms,
      double queryScalar,
      double softCap,
      double rotaryShare,
      double localRopeTheta,
      List<Layer> layers) {
    /** Checks the ranges. */
    public Attention {
      layers = List.copyOf(layers);
      requireFrom(0, "query_pre_attn_scalar", queryScalar);
      requireFrom(0, "attn_logit_softcapping", softCap);
      requireFrom(1, "rope_local_base_freq", localRopeTheta);
      if (!(rotaryShare > 0 && rotaryShare <= 1)) {
        throw new IllegalArgumentException(
            "partial_rotary_factor must be above 0 and at most 1, was " + rotaryShare);
      }
    }

    /** Makes one without local rotations. */
    public Attention(
        boolean fused,
        boolean inputBias,
        boolean outputBias,
        boolean headNorms,
        double queryScalar,
        double softCap,
        double rotaryShare,
        List<Layer> layers) {
      this(
          fused,
          inputBias,
          outputBias,
          headNorms,
          queryScalar,
          softCap,
          rotaryShare,
          10_000,
          layers);
    }

    /** Returns the same with layers that all see a window, or all if it is 0. */
    static List<Layer> windows(int layers, int window) {
      return window == 0
          ? List.of()
          : Collections.nCopies(layers, new Layer(window, Positions.ROTARY));
    }
  }

  /**
   * What is special about the feed-forward half.
   *
   * @param gated whether the activation is multiplied by a second product
   * @param fused whether both come of one linear layer, the activated half first
   * @param bias whether its layers have a bias
   */
  public record FeedForward(Activation activation, boolean gated, boolean fused, boolean bias) {}

  /**
   * Which norms there are.
   *
   * @param plusOne whether the weight is stored less one
   * @param afterEach whether each half of a block has a norm after it too
   */
  public record Norms(NormKind kind, boolean plusOne, boolean afterEach) {}

  /**
   * What happens to embeddings.
   *
   * @param scale what they are multiplied by
   * @param learnedPositions whether there is a vector for each position that is added
   */
  public record Embeddings(double scale, boolean learnedPositions) {}

  /** Checks the cap. */
  public DecoderTraits {
    requireFrom(0, "final_logit_softcapping", logitSoftCap);
  }

  private static void requireFrom(double least, String name, double value) {
    if (!(value >= least && value <= 1e12)) {
      throw new IllegalArgumentException(
          "%s must be %s to 1e12, was %s".formatted(name, least, value));
    }
  }
}
