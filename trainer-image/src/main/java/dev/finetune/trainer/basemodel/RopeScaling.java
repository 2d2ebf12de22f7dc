package dev.finetune.trainer.basemodel;

import java.util.List;

/** How the frequencies of the rotary position embedding are stretched for longer contexts. */
public sealed interface RopeScaling {

  /** Frequencies as they are: theta^(-2i / headSize). */
  record None() implements RopeScaling {}

  /** Every frequency divided by the factor. */
  record Linear(double factor) implements RopeScaling {
    /** Checks the factor. */
    public Linear {
      requirePositive("factor", factor);
    }
  }

  /**
   * Llama 3.1: wave lengths above {@code originalMaxPositions / lowFrequencyFactor} are divided by
   * the factor, those below {@code originalMaxPositions / highFrequencyFactor} kept, those between
   * are interpolated.
   */
  record Llama3(
      double factor,
      double lowFrequencyFactor,
      double highFrequencyFactor,
      int originalMaxPositions)
      implements RopeScaling {
    /** Checks the ranges. */
    public Llama3 {
      requirePositive("factor", factor);
      requirePositive("low_freq_factor", lowFrequencyFactor);
      requirePositive("high_freq_factor", highFrequencyFactor);
      if (highFrequencyFactor <= lowFrequencyFactor) {
        throw new IllegalArgumentException(
            "high_freq_factor must be more than low_freq_factor %s, was %s"
                .formatted(lowFrequencyFactor, highFrequencyFactor));
      }
      if (originalMaxPositions < 1) {
        throw new IllegalArgumentException(
            "original_max_position_embeddings must be at least 1, was " + originalMaxPositions);
      }
    }
  }

  /** Every frequency divided by a number of its own, in the order of the frequencies. */
  record Divisors(List<Float> values) implements RopeScaling {
    /** Checks the range of each number; {@code ModelConfig} knows how many there must be. */
    public Divisors {
      values = List.copyOf(values);
      values.forEach(value -> requirePositive("rotary factor", value));
    }
  }

  /**
   * The base grows with the length of a sequence beyond {@code maxPositions} of the model: {@code
   * theta (factor length / maxPositions - (factor - 1)) ^ (size / (size - 2))}.
   */
  record Dynamic(double factor) implements RopeScaling {
    /** Checks the factor. */
    public Dynamic {
      requirePositive("factor", factor);
      if (factor < 1) {
        throw new IllegalArgumentException("factor must be at least 1, was " + factor);
      }
    }
  }

  /**
   * YaRN: frequencies that turn more than {@code fast} times in the original context are kept,
   * those that turn less than {@code slow} times are divided by the factor, those between are
   * blended.
   *
   * @param attentionFactor what cosines and sines are multiplied by
   * @param truncate whether the limits are rounded to whole frequencies
   * @see <a href="https://arxiv.org/abs/2309.00071">YaRN, section 3</a>
   */
  record Yarn(
      double factor,
      double fast,
      double slow,
      int originalMaxPositions,
      double attentionFactor,
      boolean truncate)
      implements RopeScaling {
    /** Checks the ranges. */
    public Yarn {
      requirePositive("factor", factor);
      requirePositive("beta_fast", fast);
      requirePositive("beta_slow", slow);
      requirePositive("attention_factor", attentionFactor);
      requirePositive("original_max_position_embeddings", originalMaxPositions);
    }
  }

  /**
   * LongRoPE: every frequency is divided by a number of its own, one for sequences up to the
   * original context and another for longer ones.
   *
   * @param attentionFactor what cosines and sines are multiplied by
   * @see <a href="https://arxiv.org/abs/2402.13753">LongRoPE, section 3.2</a>
   */
  record LongRope(
      List<Float> shortFactors,
      List<Float> longFactors,
      int originalMaxPositions,
      double attentionFactor)
      implements RopeScaling {
    /** Checks the ranges. */
    public LongRope {
      shortFactors = List.copyOf(shortFactors);
      longFactors = List.copyOf(longFactors);
      shortFactors.forEach(value -> requirePositive("short_factor", value));
      longFactors.forEach(value -> requirePositive("long_factor", value));
      requirePositive("attention_factor", attentionFactor);
      requirePositive("original_max_position_embeddings", originalMaxPositions);
    }
  }

  /**
   * Checks that what is said of each frequency is said of all.
   *
   * @param count how many frequencies there are
   */
  default void requireFrequencies(int count) {
    switch (this) {
      case None() -> {}
      case Linear(_) -> {}
      case Llama3 _ -> {}
      case Dynamic(_) -> {}
      case Yarn _ -> {}
      case Divisors(List<Float> values) -> requireSize("rotary factors", count, values);
      case LongRope scaling -> {
        requireSize("short_factor", count, scaling.shortFactors());
        requireSize("long_factor", count, scaling.longFactors());
      }
    }
  }

  private static void requireSize(String name, int count, List<Float> values) {
    if (values.size() != count) {
      throw new IllegalArgumentException(
          "%s must be %d, half the size of a head, were %d".formatted(name, count, values.size()));
    }
  }

  private static void requirePositive(String name, double value) {
    if (!(value > 0 && value <= 1e9)) {
      throw new IllegalArgumentException(name + " must be above 0 and at most 1e9, was " + value);
    }
  }
}
