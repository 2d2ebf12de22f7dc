package dev.finetune.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.RandomModel;
import dev.finetune.trainer.goldens.TestEngine;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class EmbeddingNoiseTest {
  private static final int WIDTH = 9;

  private final Kernels kernels = TestEngine.kernels(ElementType.F32);

  /** What transformers' hook adds to zeros, see make_label_smoothing.py. */
  @Test
  void isAsWideAsThatOfTransformers() {
    GoldenTensors golden = Goldens.tensors("loss/label-smoothing.safetensors");
    float[] cases = golden.floats("neftune");
    for (int c = 0; c < cases.length; c += 5) {
      int length = (int) cases[c + 1];
      int width = (int) cases[c + 2];
      double largest = 0;
      double squares = 0;
      int count = 0;
      for (int step = 0; step < 200; step++) {
        for (float value : draw(new EmbeddingNoise(3, step, cases[c]), width, length)) {
          largest = Math.max(largest, Math.abs(value));
          squares += (double) value * value;
          count++;
        }
      }
      assertThat(largest).isCloseTo(cases[c + 3], within(1e-3 * cases[c + 3]));
      assertThat(Math.sqrt(squares / count)).isCloseTo(cases[c + 4], within(0.01 * cases[c + 4]));
    }
  }

  @Test
  void belongsToTheExampleAndNotToThePlaceInTheRow() {
    EmbeddingNoise noise = new EmbeddingNoise(3, 7, 5);
    List<Example> examples = RandomModel.examples(37, 1, 4, 1, 6);
    float[] together = draw(noise, MicroBatch.of(examples), WIDTH);
    float[] alone = draw(noise, MicroBatch.of(examples.subList(2, 3)), WIDTH);
    assertThat(Arrays.copyOfRange(together, 5 * WIDTH, 11 * WIDTH)).isEqualTo(alone);
  }

  @Test
  void isDrawnAnewForEachSeedStepAndExample() {
    float[] one = draw(new EmbeddingNoise(3, 7, 5), WIDTH, 4);
    assertThat(draw(new EmbeddingNoise(3, 7, 5), WIDTH, 4)).isEqualTo(one);
    assertThat(draw(new EmbeddingNoise(4, 7, 5), WIDTH, 4)).isNotEqualTo(one);
    assertThat(draw(new EmbeddingNoise(3, 8, 5), WIDTH, 4)).isNotEqualTo(one);
    List<Example> examples = RandomModel.examples(37, 1, 4, 4);
    float[] both = draw(new EmbeddingNoise(3, 7, 5), MicroBatch.of(examples), WIDTH);
    assertThat(Arrays.copyOf(both, 4 * WIDTH)).isEqualTo(one);
    assertThat(Arrays.copyOfRange(both, 4 * WIDTH, 8 * WIDTH)).isNotEqualTo(one);
  }

  private float[] draw(EmbeddingNoise noise, int width, int length) {
    return draw(noise, MicroBatch.of(RandomModel.examples(37, 1, length)), width);
  }

  private float[] draw(EmbeddingNoise noise, MicroBatch batch, int width) {
    try (Scope scope = new Scope()) {
      return noise.draw(kernels, scope, batch, width).toFloats();
    }
  }
}
