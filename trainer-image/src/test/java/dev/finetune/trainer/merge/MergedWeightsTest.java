package dev.finetune.trainer.merge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.adapter.AdapterConfig;
import dev.finetune.trainer.basemodel.BaseModel;
import dev.finetune.trainer.checkpoint.AdapterFiles;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.goldens.GoldenModel;
import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.AdapterShape;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.ModelLoader;
import dev.finetune.trainer.weights.SafetensorsReader;
import dev.finetune.trainer.weights.SafetensorsWriter;
import java.nio.FloatBuffer;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MergedWeightsTest {
  private final Kernels kernels = TestEngine.kernels(ElementType.F32);

  @TempDir private Path folder;

  /** Adapters that PEFT trained: the merged model must say what base model and adapter say. */
  @ParameterizedTest
  @CsvSource({
    "tiny-llama, llama-full7",
    "tiny-llama, llama-rslora",
    "tiny-llama, llama-pattern",
    "tiny-llama, llama-dora",
    "tiny-llama, llama-layer1-regex",
    "tiny-llama-untied, llama-untied-embed-head",
    "tiny-llama-untied, llama-untied-save-modules",
  })
  void giveTheLogitsOfBaseModelAndAdapter(String name, String adapter) {
    Path files = Goldens.path("lora/" + adapter + "/final");
    AdapterShape shape =
        AdapterConfig.read(files.resolve(AdapterFiles.CONFIG))
            .settings()
            .shape(GoldenModel.modules(name));
    Path weights = files.resolve(AdapterFiles.WEIGHTS);
    try (BaseModel base = BaseModel.open(Goldens.path("models/" + name));
        MergedWeights merged = MergedWeights.open(base.weights(), shape, weights, null);
        DecoderModel plain = ModelLoader.load(kernels, base.config(), base.weights(), null);
        DecoderModel model = ModelLoader.load(kernels, base.config(), merged, null);
        LoraAdapter update = new LoraAdapter(kernels, shape)) {
      AdapterFiles.restore(weights, update);
      List<int[]> prompts = LogitComparison.prompts(base.tokenizer());
      List<float[]> expected = LogitComparison.logits(plain, update, prompts);
      int vocabulary = base.config().vocabularySize();
      LogitComparison unchanged =
          LogitComparison.of(expected, LogitComparison.logits(plain, null, prompts), vocabulary);
      LogitComparison difference =
          LogitComparison.of(expected, LogitComparison.logits(model, null, prompts), vocabulary);
      assertThat(difference.relative()).isLessThan(3e-6);
      assertThat(difference.largest()).isLessThan(2e-5);
      assertThat(unchanged.relative()).isGreaterThan(100 * difference.relative());
    }
  }

  @Test
  void refuseWhatIsNotANumberAfterTheMerge() {
    String name = "model.layers.0.self_attn.q_proj";
    Path golden = Goldens.path("lora/llama-qv/final");
    Path file = folder.resolve(AdapterFiles.WEIGHTS);
    try (SafetensorsReader reader = SafetensorsReader.open(golden.resolve(AdapterFiles.WEIGHTS))) {
      SafetensorsWriter writer = new SafetensorsWriter();
      for (String tensor : reader.names()) {
        float[] values = reader.readFloats(tensor);
        if (tensor.contains(name + ".lora_B")) {
          values[3] = Float.POSITIVE_INFINITY;
        }
        writer.add(tensor, reader.shape(tensor), FloatBuffer.wrap(values));
      }
      writer.write(file);
    }
    AdapterShape shape =
        AdapterConfig.read(golden.resolve(AdapterFiles.CONFIG))
            .settings()
            .shape(GoldenModel.modules("tiny-llama"));
    try (BaseModel base = BaseModel.open(Goldens.path("models/tiny-llama"));
        MergedWeights merged = MergedWeights.open(base.weights(), shape, file, null)) {
      assertThatThrownBy(() -> merged.stream(name + ".weight", (_, _) -> {}))
          .isInstanceOf(UnreadableData.class)
          .hasMessageStartingWith(
              name + ".weight: expected finite numbers after the merge, found ");
    }
  }

  @Test
  void roundToTheNearestNumberOfTheType() {
    // Halfway between two numbers of bfloat16, once above an even one and once above an odd one.
    float[] values = {1.00390625f, 1.01171875f, -1.00390625f, 1.0039064f, 0.1f, -0f};
    float[] expected = {1.0f, 1.015625f, -1.0f, 1.0078125f, 0.10009765625f, -0f};
    Path source = folder.resolve("source.safetensors");
    Path target = folder.resolve("target.safetensors");
    new SafetensorsWriter().add("x", new long[] {6}, FloatBuffer.wrap(values)).write(source);
    try (SafetensorsReader reader = SafetensorsReader.open(source)) {
      new SafetensorsWriter()
          .add("x", dev.finetune.trainer.weights.ElementType.BF16, reader)
          .write(target);
    }
    assertThat(new GoldenTensors(target).floats("x")).isEqualTo(expected);
  }
}
