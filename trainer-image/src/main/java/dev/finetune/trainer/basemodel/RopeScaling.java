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

  private static void requirePositive(String name, double value) {
    if (!(value > 0 && value <= 1e9)) {
      throw new IllegalArgumentException(name + " must be above 0 and at most 1e9, was " + value);
    }
  }
}
