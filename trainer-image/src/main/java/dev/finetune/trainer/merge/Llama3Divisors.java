package dev.finetune.trainer.merge;

import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.basemodel.RopeScaling;
import dev.finetune.trainer.failure.UnsupportedModel;
import java.util.List;

/**
 * Finds the rule behind the rotary factors of a GGUF file: {@code config.json} has a place for the
 * rule only. The published rules are those of Llama 3.1 and 3.3 (factor 8) and 3.2 (factor 32).
 */
public final class Llama3Divisors {
  private static final List<RopeScaling.Llama3> PUBLISHED =
      List.of(new RopeScaling.Llama3(8, 1, 4, 8192), new RopeScaling.Llama3(32, 1, 4, 8192));

  private static final double CLOSE = 1e-4;

  private Llama3Divisors() {}

  /**
   * Returns the published rule that makes these factors.
   *
   * @throws UnsupportedModel if none does
   */
  static RopeScaling.Llama3 recognize(
      String source, ModelConfig config, RopeScaling.Divisors divisors) {
    for (RopeScaling.Llama3 rule : PUBLISHED) {
      if (close(of(config, rule), divisors.values())) {
        return rule;
      }
    }
    throw new UnsupportedModel(
        source
            + ": the rotary factors are those of no published model, so that config.json has no"
            + " place for them: use the model's safetensors folder");
  }

  /** Returns what the rule divides each frequency by, one for each pair of a head. */
  public static float[] of(ModelConfig config, RopeScaling.Llama3 rule) {
    float[] divisors = new float[config.headSize() / 2];
    double longest = rule.originalMaxPositions() / rule.lowFrequencyFactor();
    double shortest = rule.originalMaxPositions() / rule.highFrequencyFactor();
    for (int i = 0; i < divisors.length; i++) {
      double wavelength = 2 * Math.PI * Math.pow(config.ropeTheta(), 2.0 * i / config.headSize());
      double smooth =
          (rule.originalMaxPositions() / wavelength - rule.lowFrequencyFactor())
              / (rule.highFrequencyFactor() - rule.lowFrequencyFactor());
      divisors[i] =
          (float)
              (wavelength < shortest
                  ? 1
                  : wavelength > longest
                      ? rule.factor()
                      : 1 / ((1 - smooth) / rule.factor() + smooth));
    }
    return divisors;
  }

  private static boolean close(float[] expected, List<Float> found) {
    for (int i = 0; i < expected.length; i++) {
      if (Math.abs(found.get(i) - expected[i]) > CLOSE * expected[i]) {
        return false;
      }
    }
    return true;
  }
}
