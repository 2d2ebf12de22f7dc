package dev.finetune.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.goldens.GoldenModel;
import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.loss.CausalCrossEntropy;
import java.util.Arrays;
import java.util.List;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The forward pass against transformers. */
class DecoderModelTest {
  private static final double TOLERANCE = 1e-5;

  private final Kernels kernels = TestEngine.kernels(ElementType.F32);

  @ParameterizedTest
  @ValueSource(strings = {"tiny-llama", "tiny-llama-untied", "tiny-llama3rope"})
  void logitsEqualTransformers(String name) {
    GoldenTensors golden = Goldens.tensors("forward/" + name + ".safetensors");
    List<Example> rows = Goldens.examples(golden, "right.");
    float[] expected = golden.floats("right.logits");
    int width = (int) golden.shape("right.input_ids")[1];
    try (DecoderModel model = GoldenModel.load(kernels, name, null)) {
      int vocabulary = model.config().vocabularySize();
      float[] logits = logits(model, rows);
      int token = 0;
      for (int row = 0; row < rows.size(); row++) {
        int length = rows.get(row).inputIds().length;
        float[] ours =
            Arrays.copyOfRange(logits, token * vocabulary, (token + length) * vocabulary);
        int start = row * width * vocabulary;
        float[] theirs = Arrays.copyOfRange(expected, start, start + length * vocabulary);
        assertThat(Goldens.distance(ours, theirs)).as("row %d", row).isLessThan(TOLERANCE);
        token += length;
      }
    }
  }

  @Test
  void neighboursInARowChangeNothing() {
    GoldenTensors golden = Goldens.tensors("forward/tiny-llama.safetensors");
    List<Example> rows = Goldens.examples(golden, "right.");
    try (DecoderModel model = GoldenModel.load(kernels, "tiny-llama", null)) {
      float[] packed = logits(model, rows);
      int vocabulary = model.config().vocabularySize();
      int token = 0;
      for (Example row : rows) {
        float[] alone = logits(model, List.of(row));
        float[] within =
            Arrays.copyOfRange(packed, token * vocabulary, token * vocabulary + alone.length);
        assertThat(Goldens.distance(within, alone)).isLessThan(1e-6);
        token += row.inputIds().length;
      }
    }
  }

  @Test
  void freesEveryTensor() {
    long before = TestEngine.engine().liveTensors();
    List<Example> rows =
        Goldens.examples(Goldens.tensors("forward/tiny-llama.safetensors"), "right.");
    try (DecoderModel model = GoldenModel.load(kernels, "tiny-llama", null)) {
      logits(model, rows);
      long loaded = TestEngine.engine().liveTensors();
      logits(model, rows);
      assertThat(TestEngine.engine().liveTensors()).isEqualTo(loaded);
    }
    assertThat(TestEngine.engine().liveTensors()).isEqualTo(before);
  }

  private float[] logits(DecoderModel model, List<Example> rows) {
    MicroBatch batch = MicroBatch.of(rows);
    CausalCrossEntropy loss =
        new CausalCrossEntropy(
            kernels, model.norm(), model.config().rmsNormEpsilon(), model.head());
    try (DecoderModel.Forward forward = model.forward(batch, null, null, Tape.discarding())) {
      return loss.logits(forward.hidden(), LongStream.range(0, batch.tokens()).toArray());
    }
  }
}
