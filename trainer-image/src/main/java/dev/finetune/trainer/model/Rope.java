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
    return angles(frequencies(config), attentionFactor(config.ropeScaling()), length);
  }

  /** Returns the angles of layers with frequencies of their own. */
  static Angles localAngles(ModelConfig config, int length) {
    double theta = config.traits().attention().localRopeTheta();
    return angles(plain(theta, config.rotarySize()), 1, length);
  }

  private static Angles angles(float[] frequencies, float factor, int length) {
    int half = frequencies.length;
    Angles angles = new Angles(new float[length * half], new float[length * half]);
    for (int position = 0; position < length; position++) {
      put(angles, position, position, frequencies, factor);
    }
    return angles;
  }

  /**
   * Returns the angles of the tokens of a micro-batch, where frequencies depend on the length of a
   * sequence: that of each, never that of a neighbour.
   *
   * @param positions position of each token
   * @param offsets where each sequence begins, and where the last ends
   */
  static Angles angles(ModelConfig config, long[] positions, long[] offsets) {
    int half = config.rotarySize() / 2;
    float factor = attentionFactor(config.ropeScaling());
    Angles angles =
        new Angles(new float[positions.length * half], new float[positions.length * half]);
    for (int sequence = 0; sequence + 1 < offsets.length; sequence++) {
      int end = (int) offsets[sequence + 1];
      if (end > offsets[sequence]) {
        float[] frequencies = frequencies(config, positions[end - 1] + 1);
        for (int token = (int) offsets[sequence]; token < end; token++) {
          put(angles, token, positions[token], frequencies, factor);
        }
      }
    }
    return angles;
  }

  private static void put(
      Angles angles, int row, long position, float[] frequencies, float factor) {
    int half = frequencies.length;
    for (int i = 0; i < half; i++) {
      float angle = position * frequencies[i];
      angles.cos()[row * half + i] = (float) Math.cos(angle) * factor;
      angles.sin()[row * half + i] = (float) Math.sin(angle) * factor;
    }
  }

  /** Returns whether frequencies depend on the length of a sequence. */
  static boolean dependsOnLength(RopeScaling scaling) {
    return scaling instanceof RopeScaling.Dynamic || scaling instanceof RopeScaling.LongRope;
  }

  /** Returns what cosines and sines are multiplied by. */
  private static float attentionFactor(RopeScaling scaling) {
    return switch (scaling) {
      case RopeScaling.Yarn yarn -> (float) yarn.attentionFactor();
      case RopeScaling.LongRope longRope -> (float) longRope.attentionFactor();
      case RopeScaling.None() -> 1;
      case RopeScaling.Linear(_) -> 1;
      case RopeScaling.Llama3 _ -> 1;
      case RopeScaling.Divisors(_) -> 1;
      case RopeScaling.Dynamic(_) -> 1;
    };
  }

  /** Returns the angle from one position to the next, for each pair of a short sequence's heads. */
  static float[] frequencies(ModelConfig config) {
    return frequencies(config, 1);
  }

  /** Returns {@code theta ^ (-2i / size)}. */
  private static float[] plain(double theta, int size) {
    float[] frequencies = new float[size / 2];
    for (int i = 0; i < frequencies.length; i++) {
      float exponent = 2f * i / size;
      frequencies[i] = 1f / (float) Math.pow(theta, exponent);
    }
    return frequencies;
  }

  private static float[] frequencies(ModelConfig config, long length) {
    int size = config.rotarySize();
    float[] frequencies = plain(config.ropeTheta(), size);
    return switch (config.ropeScaling()) {
      case RopeScaling.None() -> frequencies;
      case RopeScaling.Linear(double factor) -> {
        for (int i = 0; i < frequencies.length; i++) {
          frequencies[i] /= (float) factor;
        }
        yield frequencies;
      }
      case RopeScaling.Divisors(List<Float> values) -> divided(frequencies, values);
      case RopeScaling.Llama3 llama3 -> {
        for (int i = 0; i < frequencies.length; i++) {
          frequencies[i] = scaled(frequencies[i], llama3);
        }
        yield frequencies;
      }
      case RopeScaling.Dynamic(double factor) -> {
        double most = config.maxPositions();
        double stretch = factor * Math.max(length, most) / most - (factor - 1);
        double theta = config.ropeTheta() * Math.pow(stretch, size / (size - 2.0));
        yield plain(theta, size);
      }
      case RopeScaling.Yarn yarn -> yarn(frequencies, yarn, config.ropeTheta());
      case RopeScaling.LongRope rule ->
          divided(
              frequencies,
              length > rule.originalMaxPositions() ? rule.longFactors() : rule.shortFactors());
    };
  }

  private static float[] divided(float[] frequencies, List<Float> values) {
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] /= values.get(i);
    }
    return frequencies;
  }

  /** YaRN's rule: a ramp from the frequencies as they are to those that are stretched. */
  private static float[] yarn(float[] frequencies, RopeScaling.Yarn rule, double theta) {
    int size = 2 * frequencies.length;
    double low = turning(rule.fast(), size, theta, rule.originalMaxPositions());
    double high = turning(rule.slow(), size, theta, rule.originalMaxPositions());
    if (rule.truncate()) {
      low = Math.floor(low);
      high = Math.ceil(high);
    }
    low = Math.max(low, 0);
    high = Math.min(high, size - 1.0);
    if (low == high) {
      high += 0.001;
    }
    for (int i = 0; i < frequencies.length; i++) {
      float ramp = Math.clamp((float) (i - low) / (float) (high - low), 0f, 1f);
      float stretched = frequencies[i] / (float) rule.factor();
      frequencies[i] = stretched * ramp + frequencies[i] * (1 - ramp);
    }
    return frequencies;
  }

  /** Returns the index of the frequency that turns so many times within a length. */
  private static double turning(double times, int size, double theta, int length) {
    return size * Math.log(length / (times * 2 * Math.PI)) / (2 * Math.log(theta));
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
