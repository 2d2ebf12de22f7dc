package dev.finetune.trainer.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.api.spec.Schedule;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.failure.Diverged;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.RandomModel;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.optim.LearningRate;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class AdapterTrainerTest {
  private static final Quantization NF4 = new Quantization(QuantizationType.NF4, 64, true);
  private static final int WHOLE = 10_000;
  private static final int ONE_BY_ONE = 1;

  /** A gradient is compared along a random direction of each tensor, by central differences. */
  @ParameterizedTest
  @ValueSource(strings = {"1 1 1 2", "2 3 1 4", "2 4 2 6", "1 6 3 10"})
  void gradientsEqualFiniteDifferences(String shape) {
    int[] sizes = Arrays.stream(shape.split(" ")).mapToInt(Integer::parseInt).toArray();
    ModelConfig config = RandomModel.config(sizes[0], sizes[1], sizes[2], sizes[3]);
    Kernels kernels = TestEngine.kernels(ElementType.F32);
    for (Quantization quantization : new Quantization[] {null, NF4}) {
      try (DecoderModel model = RandomModel.load(kernels, config, quantization, 3);
          LoraAdapter adapter = RandomModel.adapter(kernels, model, 3, 4);
          AdapterTrainer trainer = trainer(kernels, model, adapter, 0, WHOLE, 0)) {
        List<Example> examples = RandomModel.examples(config.vocabularySize(), 5, 7, 1, 2, 12);
        step(trainer, 1, examples);
        float[] point = adapter.parameters().toFloats();
        for (var gradient : adapter.gradientTensors().entrySet()) {
          float[] direction = direction(adapter, gradient.getKey(), point.length);
          double analytic = dot(direction, adapter.gradients().toFloats());
          double numeric = slope(trainer, adapter, examples, point, direction);
          assertThat(numeric)
              .as(gradient.getKey())
              .isCloseTo(analytic, within(2e-3 + 0.02 * Math.abs(analytic)));
        }
      }
    }
  }

  @Test
  void microBatchesDoNotChangeTheUpdateEvenWithDropout() {
    float[] whole = adapterAfter(ElementType.F32, 3, WHOLE, 0.3);
    float[] alone = adapterAfter(ElementType.F32, 3, ONE_BY_ONE, 0.3);
    float[] pairs = adapterAfter(ElementType.F32, 3, 14, 0.3);
    assertThat(Goldens.distance(alone, whole)).isLessThan(1e-5);
    assertThat(Goldens.distance(pairs, whole)).isLessThan(1e-5);
    float[] without = adapterAfter(ElementType.F32, 3, WHOLE, 0);
    assertThat(Goldens.distance(without, whole)).isGreaterThan(1e-3);
  }

  @ParameterizedTest
  @EnumSource(
      value = ElementType.class,
      names = {"F32", "BF16"})
  void trainsToTheSameBitsTwice(ElementType type) {
    assertThat(adapterAfter(type, 4, 20, 0.1)).isEqualTo(adapterAfter(type, 4, 20, 0.1));
  }

  @ParameterizedTest
  @EnumSource(
      value = ElementType.class,
      names = {"F32", "BF16"})
  void blocksThatAreComputedAgainGiveTheSameBits(ElementType type) {
    assertThat(adapterAfter(type, 3, 20, 0.1, true))
        .isEqualTo(adapterAfter(type, 3, 20, 0.1, false));
  }

  @Test
  void namesStepAndExampleOfALossThatIsNotFinite() {
    Kernels kernels = TestEngine.kernels(ElementType.F32);
    ModelConfig config = RandomModel.config(1, 2, 1, 4);
    try (DecoderModel model = RandomModel.load(kernels, config, null, 3);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 2, 4);
        AdapterTrainer trainer = trainer(kernels, model, adapter, 1e-2, WHOLE, 0)) {
      float[] broken = adapter.parameters().toFloats();
      Arrays.fill(broken, Float.NaN);
      adapter.setParameters(broken);
      List<Example> examples = RandomModel.examples(config.vocabularySize(), 9, 8);
      assertThatThrownBy(() -> step(trainer, 7, examples))
          .isInstanceOf(Diverged.class)
          .hasMessage("step 7: the loss of example 0 is not finite");
      assertThatThrownBy(() -> evaluate(trainer, examples))
          .isInstanceOf(Diverged.class)
          .hasMessage("the held-out loss of example 0 is not finite");
    }
  }

  @Test
  void givesAStepUpWithoutATraceWhenAskedToStop() {
    Kernels kernels = TestEngine.kernels(ElementType.F32);
    ModelConfig config = RandomModel.config(1, 2, 1, 4);
    try (DecoderModel model = RandomModel.load(kernels, config, null, 3);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 2, 4);
        AdapterTrainer trainer = trainer(kernels, model, adapter, 1e-2, ONE_BY_ONE, 0)) {
      List<Example> examples = RandomModel.examples(config.vocabularySize(), 9, 8, 4, 5);
      float[] parameters = adapter.parameters().toFloats();
      AtomicInteger asked = new AtomicInteger();
      assertThat(trainer.step(1, examples, () -> asked.incrementAndGet() == 3)).isEmpty();
      assertThat(adapter.parameters().toFloats()).isEqualTo(parameters);
      assertThat(trainer.optimizerState())
          .isNotEmpty()
          .allSatisfy(
              tensor ->
                  assertThat(tensor.values().toArray(ValueLayout.JAVA_FLOAT)).containsOnly(0f));
    }
  }

  @Test
  void evaluationLeavesNoTrace() {
    Kernels kernels = TestEngine.kernels(ElementType.F32);
    ModelConfig config = RandomModel.config(1, 2, 1, 4);
    try (DecoderModel model = RandomModel.load(kernels, config, NF4, 3);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 2, 4);
        AdapterTrainer trainer = trainer(kernels, model, adapter, 1e-2, WHOLE, 0.5)) {
      List<Example> examples = RandomModel.examples(config.vocabularySize(), 9, 8, 4);
      double before = evaluate(trainer, examples);
      long live = TestEngine.engine().liveTensors();
      float[] parameters = adapter.parameters().toFloats();
      assertThat(evaluate(trainer, examples)).isEqualTo(before);
      assertThat(trainer.evaluate(examples, () -> true)).isEmpty();
      assertThat(adapter.parameters().toFloats()).isEqualTo(parameters);
      assertThat(TestEngine.engine().liveTensors()).isEqualTo(live);
    }
  }

  private static float[] adapterAfter(
      ElementType type, int steps, int tokenBudget, double dropout) {
    return adapterAfter(type, steps, tokenBudget, dropout, false);
  }

  private static float[] adapterAfter(
      ElementType type, int steps, int tokenBudget, double dropout, boolean recompute) {
    Kernels kernels = TestEngine.kernels(type);
    ModelConfig config = RandomModel.config(2, 3, 1, 4);
    List<Example> examples =
        RandomModel.examples(config.vocabularySize(), 9, 8, 1, 6, 11, 5, 3, 9, 2);
    try (DecoderModel model = RandomModel.load(kernels, config, NF4, 3);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 3, 4);
        AdapterTrainer trainer =
            new AdapterTrainer(
                kernels,
                model,
                adapter,
                Training.defaults(),
                new AdapterTrainer.Settings(
                    dropout,
                    tokenBudget,
                    new LearningRate(Schedule.CONSTANT, 1e-2, 0, 100),
                    1,
                    recompute))) {
      for (int step = 1; step <= steps; step++) {
        step(trainer, step, examples);
      }
      return adapter.parameters().toFloats();
    }
  }

  private static double evaluate(AdapterTrainer trainer, List<Example> examples) {
    return trainer.evaluate(examples, () -> false).orElseThrow().loss();
  }

  private static StepResult step(AdapterTrainer trainer, int step, List<Example> examples) {
    return trainer.step(step, examples, () -> false).orElseThrow();
  }

  private static AdapterTrainer trainer(
      Kernels kernels,
      DecoderModel model,
      LoraAdapter adapter,
      double learningRate,
      int tokenBudget,
      double dropout) {
    LearningRate rate = new LearningRate(Schedule.CONSTANT, learningRate, 0, 100);
    return new AdapterTrainer(
        kernels,
        model,
        adapter,
        Training.defaults(),
        new AdapterTrainer.Settings(dropout, tokenBudget, rate));
  }

  private static float[] direction(LoraAdapter adapter, String tensor, int size) {
    float[] places = new float[size];
    for (int i = 0; i < size; i++) {
      places[i] = i;
    }
    float[] direction = new float[size];
    Random random = new Random(tensor.hashCode());
    for (float place : adapter.tensorsOf(places).get(tensor).values()) {
      direction[(int) place] = (float) random.nextGaussian();
    }
    double norm = Math.sqrt(dot(direction, direction));
    for (int i = 0; i < size; i++) {
      direction[i] /= (float) norm;
    }
    return direction;
  }

  private static double slope(
      AdapterTrainer trainer,
      LoraAdapter adapter,
      List<Example> examples,
      float[] point,
      float[] direction) {
    double step = 1e-2;
    List<Double> losses = new ArrayList<>();
    for (double distance : new double[] {step, -step}) {
      float[] moved = point.clone();
      for (int i = 0; i < moved.length; i++) {
        moved[i] += (float) (distance * direction[i]);
      }
      adapter.setParameters(moved);
      losses.add(evaluate(trainer, examples));
    }
    adapter.setParameters(point);
    return (losses.get(0) - losses.get(1)) / (2 * step);
  }

  private static double dot(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }
}
