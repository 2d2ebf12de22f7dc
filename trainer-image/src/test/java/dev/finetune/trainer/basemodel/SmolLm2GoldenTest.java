package dev.finetune.trainer.basemodel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.loss.CausalCrossEntropy;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.ModelLoader;
import dev.finetune.trainer.model.Tape;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/**
 * Token ids and logits of SmolLM2-135M-Instruct, read from its GGUF file, against transformers. It
 * runs where {@code local/bin/fetch-base-model} has put the file, which {@code make demo} does, or
 * where {@code -Dfinetune.base-model=FILE} names it.
 */
class SmolLm2GoldenTest {
  private static final String FILE = "SmolLM2-135M-Instruct.Q4_1.gguf";

  /** Logits are up to 30 in size, and thirty layers round them. */
  private static final double LOGIT = 2e-3;

  private static final double LOSS = 2e-4;
  private static final double DISTANCE = 2e-5;

  private final GoldenTensors golden = Goldens.tensors("smollm2/logits.safetensors");
  private final JsonNode prompts = Goldens.json("smollm2/logits.json").path("prompts");

  @Test
  void readsTokenizesAndComputesAsTransformers() {
    Path file = baseModel();
    assumeThat(Files.isRegularFile(file))
        .as("%s is not there: SmolLM2 is not compared; local/bin/fetch-base-model gets it", file)
        .isTrue();
    Kernels kernels = TestEngine.kernels(ElementType.F32);
    try (BaseModel base = BaseModel.open(file);
        DecoderModel model = ModelLoader.load(kernels, base.config(), base.weights(), null)) {
      List<Example> examples = examples(base);
      MicroBatch packed = MicroBatch.of(examples);
      CausalCrossEntropy loss =
          new CausalCrossEntropy(
              kernels, model.norm(), model.config().rmsNormEpsilon(), model.head());
      try (DecoderModel.Forward forward = model.forward(packed, null, null, Tape.discarding())) {
        float[] nll = loss.negativeLogLikelihoods(forward.hidden(), packed.rows(), packed.labels());
        int place = 0;
        for (int k = 0; k < prompts.size(); k++) {
          float[] expected = golden.floats(k + ".nll");
          float[] actual = Arrays.copyOfRange(nll, place, place + expected.length);
          assertThat(Goldens.distance(actual, expected)).as("loss of %d", k).isLessThan(DISTANCE);
          for (int i = 0; i < expected.length; i++) {
            assertThat(actual[i]).isCloseTo(expected[i], within((float) LOSS));
          }
          place += expected.length;
          long first = packed.offsets()[k];
          long[] rows = Arrays.stream(golden.longs(k + ".places")).map(p -> first + p).toArray();
          compareLogits(k, loss.logits(forward.hidden(), rows), model.config().vocabularySize());
        }
      }
    }
  }

  private List<Example> examples(BaseModel base) {
    List<Example> examples = new ArrayList<>();
    for (JsonNode prompt : prompts) {
      int[] ids = base.tokenizer().encode(prompt.path("prompt").asText());
      int[] expected = prompt.path("ids").valueStream().mapToInt(JsonNode::asInt).toArray();
      assertThat(ids).isEqualTo(expected);
      examples.add(new Example(examples.size(), ids, ids));
    }
    return examples;
  }

  private void compareLogits(int k, float[] logits, int vocabulary) {
    long[] columns = golden.longs(k + ".columns");
    float[] expected = golden.floats(k + ".logits");
    long[] top = golden.longs(k + ".top");
    float[] topLogits = golden.floats(k + ".top_logits");
    int perPlace = top.length / (logits.length / vocabulary);
    for (int p = 0; p * vocabulary < logits.length; p++) {
      float[] row = Arrays.copyOfRange(logits, p * vocabulary, (p + 1) * vocabulary);
      for (int c = 0; c < columns.length; c++) {
        assertThat(row[(int) columns[c]])
            .as("prompt %d, place %d, token %d", k, p, columns[c])
            .isCloseTo(expected[p * columns.length + c], within((float) LOGIT));
      }
      for (int i = 0; i < perPlace; i++) {
        assertThat(row[(int) top[p * perPlace + i]])
            .isCloseTo(topLogits[p * perPlace + i], within((float) LOGIT));
      }
      // Nothing that is not among the ten likeliest tokens lies above them.
      Arrays.sort(row);
      for (int i = 0; i < perPlace; i++) {
        assertThat(row[vocabulary - 1 - i])
            .isCloseTo(topLogits[p * perPlace + i], within((float) LOGIT));
      }
      double sum = 0;
      for (float logit : row) {
        sum += Math.exp(logit);
      }
      assertThat(Math.log(sum)).isCloseTo(golden.floats(k + ".lse")[p], within(LOSS));
    }
  }

  /** Where fetch-base-model keeps it, or what the property says. */
  private static Path baseModel() {
    String named = System.getProperty("finetune.base-model");
    if (named != null) {
      return Path.of(named);
    }
    String home = System.getProperty("user.home");
    String cache = Optional.ofNullable(System.getenv("XDG_CACHE_HOME")).orElse(home + "/.cache");
    return Path.of(
            Optional.ofNullable(System.getenv("FINETUNE_MODEL_CACHE"))
                .orElse(cache + "/finetune/models"))
        .resolve(FILE);
  }
}
