package dev.finetune.trainer.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.api.spec.Schedule;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.engine.ComputeDevice;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Gpus;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.RandomModel;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.optim.LearningRate;
import dev.finetune.trainer.quant.Nf4Table;
import dev.finetune.trainer.quant.Nf4Weight;
import dev.finetune.trainer.reference.TrainingPass;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** A GPU against the processors, and against itself. Skipped where there is none. */
@Tag("gpu")
class GpuTest {
  private static final Quantization NF4 = new Quantization(QuantizationType.NF4, 64, true);
  private static final int WHOLE = 1 << 20;

  /** Heads of a size that the flash kernel takes. */
  private static final ModelConfig CONFIG = RandomModel.config(2, 4, 2, 16);

  @BeforeEach
  void needsAGpu() {
    Gpus.require();
  }

  @Test
  void theKernelsAreLoadedAndRunThere() {
    Engine engine = Gpus.engine();
    assertThat(engine.device()).isEqualTo(ComputeDevice.CUDA);
    Kernels kernels = new Kernels(engine, ElementType.F32);
    try (Scope scope = new Scope()) {
      Tensor x = engine.floats(scope, new float[] {1, 2, 3, 4}, 2, 2);
      assertThat(kernels.linear(scope, x, x).toFloats()).containsExactly(5, 11, 11, 25);
    }
    assertThat(engine.liveTensors()).isZero();
  }

  /** Products of 32 bits in 19 would be wrong by about 1e-3. */
  @ParameterizedTest
  @CsvSource({"F32, 1e-4", "BF16, 5e-2"})
  void lossesAndGradientsAreThoseOfProcessors(ElementType type, double tolerance) {
    TrainingPass.Outcome expected = pass(TestEngine.kernels(type));
    TrainingPass.Outcome actual = pass(new Kernels(Gpus.engine(), type));
    assertThat(Goldens.distance(actual.negativeLogLikelihoods(), expected.negativeLogLikelihoods()))
        .as("losses")
        .isLessThan(tolerance);
    assertThat(Goldens.distance(actual.gradients(), expected.gradients()))
        .as("gradients")
        .isLessThan(tolerance);
  }

  private static TrainingPass.Outcome pass(Kernels kernels) {
    List<Example> examples = RandomModel.examples(CONFIG.vocabularySize(), 9, 33, 7, 150);
    try (DecoderModel model = RandomModel.load(kernels, CONFIG, null, 3);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 4, 4)) {
      return new TrainingPass(kernels, model, adapter, null, null, 0).run(List.of(examples));
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void weightsOfFourBitsAreTheSameToTheBit(boolean doubleQuantization) {
    float[] expected = dequantized(TestEngine.kernels(ElementType.F32), doubleQuantization);
    float[] actual = dequantized(new Kernels(Gpus.engine(), ElementType.F32), doubleQuantization);
    assertThat(actual).isEqualTo(expected);
  }

  private static float[] dequantized(Kernels kernels, boolean doubleQuantization) {
    float[] values = new float[70 * 96];
    Random random = new Random(11);
    for (int i = 0; i < values.length; i++) {
      values[i] = (float) random.nextGaussian();
    }
    Quantization quantization = new Quantization(QuantizationType.NF4, 64, doubleQuantization);
    try (Nf4Table table = new Nf4Table(kernels.engine());
        Nf4Weight weight =
            Nf4Weight.builder(kernels, table, 70, 96, quantization)
                .add(values, values.length)
                .build();
        Scope scope = new Scope()) {
      return weight.materialize(scope).toFloats();
    }
  }

  @Test
  void aStepMovesTheAdapterAsOnProcessors() {
    float[] expected = trained(TestEngine.kernels(ElementType.F32), 1);
    float[] actual = trained(new Kernels(Gpus.engine(), ElementType.F32), 1);
    assertThat(Goldens.distance(actual, expected)).isLessThan(1e-3);
  }

  @ParameterizedTest
  @EnumSource(
      value = ElementType.class,
      names = {"F32", "BF16"})
  void trainsToTheSameBitsTwice(ElementType type) {
    Kernels kernels = new Kernels(Gpus.engine(), type);
    assertThat(trained(kernels, 4)).isEqualTo(trained(kernels, 4));
  }

  private static float[] trained(Kernels kernels, int steps) {
    List<Example> examples = RandomModel.examples(CONFIG.vocabularySize(), 9, 33, 7, 150, 1);
    try (DecoderModel model = RandomModel.load(kernels, CONFIG, NF4, 3);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 4, 4);
        AdapterTrainer trainer =
            new AdapterTrainer(
                kernels,
                model,
                adapter,
                Training.defaults(),
                new AdapterTrainer.Settings(
                    0.1, WHOLE, new LearningRate(Schedule.CONSTANT, 1e-2, 0, 100)))) {
      List<Double> losses = new ArrayList<>();
      for (int step = 1; step <= steps; step++) {
        losses.add(trainer.step(step, examples, () -> false).orElseThrow().loss());
      }
      assertThat(losses).allMatch(Double::isFinite);
      return adapter.parameters().toFloats();
    }
  }
}
