package dev.finetune.trainer.model;

import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.basemodel.RopeScaling;
import java.util.List;

/**
 * The angles of rotary position embeddings, in 32-bit floating point as transformers computes them.
 *
 * @see <a href="https://arxiv.org/abs/2104.09864">RoFormer, section 3.4.2</a>
 */
final class Rope {
  private Rope() {}

  /** Cosines and sines of positions 0 to length - 1, each (length, size / 2) in row-major order. */
  record Angles(float[] cos, float[] sin) {}

  static Angles angles(ModelConfig config, int length) {
    float[] frequencies = frequencies(config);
    int half = frequencies.length;
    float[] cos = new float[length * half];
    float[] sin = new float[length * half];
    for (int position = 0; position < length; position++) {
      for (int i = 0; i < half; i++) {
        float angle = position * frequencies[i];
        cos[position * half + i] = (float) Math.cos(angle);
        sin[position * half + i] = (float) Math.sin(angle);
      }
    }
    return new Angles(cos, sin);
  }

  /** Returns the angle from one position to the next, for each pair of a head. */
  static float[] frequencies(ModelConfig config) {
    int size = config.headSize();
    float[] frequencies = new float[size / 2];
    for (int i = 0; i < frequencies.length; i++) {
      float exponent = 2f * i / size;
      frequencies[i] = 1f / (float) Math.pow(config.ropeTheta(), exponent);
    }
    return switch (config.ropeScaling()) {
      case RopeScaling.None() -> frequencies;
      case RopeScaling.Linear(double factor) -> {
        for (int i = 0; i < frequencies.length; i++) {
          frequencies[i] /= (float) factor;
        }
        yield frequencies;
      }
      case RopeScaling.Divisors(List<Float> values) -> {
        for (int i = 0; i < frequencies.length; i++) {
          frequencies[i] /= values.get(i);
        }
        yield frequencies;
      }
      case RopeScaling.Llama3 llama3 -> {
        for (int i = 0; i < frequencies.length; i++) {
          frequencies[i] = scaled(frequencies[i], llama3);
        }
        yield frequencies;
      }
    };
  }

  /** Llama 3.1's rule: long waves are stretched, short ones kept, those between are blended. */
  private static float scaled(float frequency, RopeScaling.Llama3 rule) {
    double wavelength = 2 * Math.PI / frequency;
    double longest = rule.originalMaxPositions() / rule.lowFrequencyFactor();
    double shortest = rule.originalMaxPositions() / rule.highFrequencyFactor();
    if (wavelength < shortest) {
      return frequency;
    }
    if (wavelength > longest) {
      return (float) (frequency / rule.factor());
    }
    double smooth =
        (rule.originalMaxPositions() / wavelength - rule.lowFrequencyFactor())
            / (rule.highFrequencyFactor() - rule.lowFrequencyFactor());
    return (float) ((1 - smooth) * frequency / rule.factor() + smooth * frequency);
  }
}
