package dev.finetune.trainer.generate;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.goldens.RandomModel;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.loss.CausalCrossEntropy;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.Tape;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

class GreedyGeneratorTest {
  private final Kernels kernels = TestEngine.kernels(ElementType.F32);
  private final ModelConfig config = RandomModel.config(2, 4, 2, 6);

  @Test
  void choosesWhatAPassOverTheWholeTextWouldChoose() {
    try (DecoderModel model = RandomModel.load(kernels, config, null, 11);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 2, 5)) {
      int[] text = {3, 1, 4, 1, 5};
      int[] generated =
          new GreedyGenerator(kernels, model, adapter).generate(text, 12, id -> false);
      assertThat(generated).hasSize(12);
      for (int id : generated) {
        assertThat(id).isEqualTo(likeliestAfter(model, adapter, text));
        text = Arrays.copyOf(text, text.length + 1);
        text[text.length - 1] = id;
      }
    }
  }

  /** Longer than what the cache begins with, so that it grows twice. */
  @Test
  void goesOnAsTheCacheGrows() {
    try (DecoderModel model = RandomModel.load(kernels, config, null, 11)) {
      int[] generated =
          new GreedyGenerator(kernels, model, null).generate(new int[] {3, 1}, 150, id -> false);
      int[] text = new int[151];
      text[0] = 3;
      text[1] = 1;
      System.arraycopy(generated, 0, text, 2, 149);
      assertThat(generated[149]).isEqualTo(likeliestAfter(model, null, text));
    }
  }

  @Test
  void endsWhereTheModelHasNoMorePositions() {
    try (DecoderModel model = RandomModel.load(kernels, config, null, 11)) {
      Generator generator = new Generator(kernels, model, null);
      int[] prompt = new int[config.maxPositions() - 3];
      assertThat(generator.generate(prompt, 50, id -> false, Sampling.GREEDY, _ -> {}).tokens())
          .hasSize(4);
    }
  }

  @Test
  void endsAtAStopTokenAndFreesItsMemory() {
    long before = TestEngine.engine().liveTensors();
    try (DecoderModel model = RandomModel.load(kernels, config, null, 11)) {
      GreedyGenerator generator = new GreedyGenerator(kernels, model, null);
      int[] free = generator.generate(new int[] {3, 1}, 6, id -> false);
      int[] stopped = generator.generate(new int[] {3, 1}, 6, id -> id == free[2]);
      int first = 0;
      while (free[first] != free[2]) {
        first++;
      }
      assertThat(stopped).isEqualTo(Arrays.copyOf(free, first));
    }
    assertThat(TestEngine.engine().liveTensors()).isEqualTo(before);
  }

  private int likeliestAfter(DecoderModel model, @Nullable LoraAdapter adapter, int[] text) {
    CausalCrossEntropy output =
        new CausalCrossEntropy(kernels, model.norm(), config.rmsNormEpsilon(), model.head());
    try (DecoderModel.Forward forward =
        model.forward(MicroBatch.continuing(text, 0), adapter, null, Tape.discarding())) {
      float[] logits = output.logits(forward.hidden(), new long[] {text.length - 1L});
      int best = 0;
      for (int i = 1; i < logits.length; i++) {
        best = logits[i] > logits[best] ? i : best;
      }
      return best;
    }
  }
}
