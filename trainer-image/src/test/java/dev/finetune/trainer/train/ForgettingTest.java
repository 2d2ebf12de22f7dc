package dev.finetune.trainer.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.finetune.api.spec.Schedule;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.RandomModel;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.loss.Divergence;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.Tape;
import dev.finetune.trainer.optim.LearningRate;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** General rows and the divergence from the base model in the loss of a step. */
class ForgettingTest {
  private static final int WHOLE = 10_000;

  private final Kernels kernels = TestEngine.kernels(ElementType.F32);
  private final ModelConfig config = RandomModel.config(2, 3, 1, 4);
  private final List<Example> task = RandomModel.examples(config.vocabularySize(), 9, 8, 5, 6, 11);
  private final List<Example> general = shifted(RandomModel.examples(37, 31, 7, 12, 3));

  private static List<Example> shifted(List<Example> examples) {
    return examples.stream()
        .map(e -> new Example(e.index() + (1 << 30), e.inputIds(), e.labels()))
        .toList();
  }

  @Test
  void replayedExamplesCountLikeThoseOfTheTask() {
    List<Example> all = new ArrayList<>(task);
    all.addAll(general);
    float[] together = gradient(0, WHOLE, all, List.of());
    float[] replayed = gradient(0, WHOLE, task, general);
    assertThat(Goldens.distance(replayed, together)).isLessThan(1e-5);
  }

  @Test
  void reportsTheLossOfTheTaskAlone() {
    try (DecoderModel model = RandomModel.load(kernels, config, null, 3);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 3, 4);
        AdapterTrainer trainer = trainer(model, adapter, 0.3, WHOLE)) {
      double expected = trainer.evaluate(task, () -> false).orElseThrow().loss();
      StepResult result = trainer.step(1, task, general, () -> false).orElseThrow();
      assertThat(result.loss()).isCloseTo(expected, within(1e-6));
      assertThat(result.examples()).hasSize(task.size());
      assertThat(result.tokens()).isEqualTo(8 + 5 + 6 + 11 + 7 + 12 + 3);
    }
  }

  @Test
  void theDivergenceOfTheGeneralRowsPullsTowardsTheBase() {
    check(general, task, general);
  }

  @Test
  void withoutGeneralRowsItIsThatOfTheTask() {
    check(task, task, List.of());
  }

  /** The gradient that a weight adds, along random directions, by central differences. */
  private void check(List<Example> measured, List<Example> examples, List<Example> replayed) {
    double weight = 0.7;
    float[] with = gradient(weight, WHOLE, examples, replayed);
    float[] without = gradient(0, WHOLE, examples, replayed);
    try (DecoderModel model = RandomModel.load(kernels, config, null, 3);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 3, 4)) {
      float[] point = adapter.parameters().toFloats();
      Random random = new Random(8);
      for (int trial = 0; trial < 5; trial++) {
        float[] direction = new float[point.length];
        double norm = 0;
        for (int i = 0; i < direction.length; i++) {
          direction[i] = (float) random.nextGaussian();
          norm += direction[i] * direction[i];
        }
        double analytic = 0;
        double step = 1e-2 / Math.sqrt(norm);
        double[] values = new double[2];
        for (int side = 0; side < 2; side++) {
          float[] moved = point.clone();
          for (int i = 0; i < moved.length; i++) {
            moved[i] += (float) ((side == 0 ? step : -step) * direction[i]);
          }
          adapter.setParameters(moved);
          values[side] = divergence(model, adapter, measured);
        }
        for (int i = 0; i < direction.length; i++) {
          analytic += (with[i] - without[i]) * direction[i];
        }
        double numeric = weight * (values[0] - values[1]) / (2 * step);
        assertThat(analytic)
            .isCloseTo(numeric, within(2e-3 * Math.sqrt(norm) + 0.02 * Math.abs(numeric)));
      }
    }
  }

  private double divergence(DecoderModel model, LoraAdapter adapter, List<Example> examples) {
    Divergence divergence = new Divergence(kernels, model.loss(adapter), model.loss(null));
    MicroBatch batch = MicroBatch.of(examples);
    try (Scope scope = new Scope();
        DecoderModel.Forward base = model.forward(batch, null, null, Tape.discarding());
        DecoderModel.Forward tuned = model.forward(batch, adapter, null, Tape.discarding())) {
      Tensor states = divergence.baseStates(scope, base.hidden(), batch.rows());
      Tensor unused = kernels.copy(scope, tuned.hidden());
      double sum = 0;
      for (float value : divergence.addGradient(unused, tuned.hidden(), batch.rows(), states, 1)) {
        sum += value;
      }
      return sum / batch.rows().length;
    }
  }

  @Test
  void microBatchesAndRecomputationDoNotChangeTheUpdate() {
    float[] whole = gradient(0.5, WHOLE, task, general);
    assertThat(Goldens.distance(gradient(0.5, 1, task, general), whole)).isLessThan(1e-5);
    assertThat(Goldens.distance(gradient(0, WHOLE, task, general), whole)).isGreaterThan(1e-3);
  }

  @Test
  void aModelThatIsStillTheBaseFeelsNoPull() {
    try (DecoderModel model = RandomModel.load(kernels, config, null, 3);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 3, 4)) {
      adapter.setParameters(new float[adapter.parameters().toFloats().length]);
      float[] with = gradient(model, adapter, 5, WHOLE, task, general);
      float[] without = gradient(model, adapter, 0, WHOLE, task, general);
      assertThat(with).isEqualTo(without);
    }
  }

  private float[] gradient(
      double weight, int tokenBudget, List<Example> examples, List<Example> replayed) {
    try (DecoderModel model = RandomModel.load(kernels, config, null, 3);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 3, 4)) {
      return gradient(model, adapter, weight, tokenBudget, examples, replayed);
    }
  }

  /** Returns the gradient of a step at a rate of zero. */
  private float[] gradient(
      DecoderModel model,
      LoraAdapter adapter,
      double weight,
      int tokenBudget,
      List<Example> examples,
      List<Example> replayed) {
    try (AdapterTrainer trainer = trainer(model, adapter, weight, tokenBudget)) {
      assertThat(trainer.step(1, examples, replayed, () -> false)).isPresent();
      return adapter.gradients().toFloats();
    }
  }

  private AdapterTrainer trainer(
      DecoderModel model, LoraAdapter adapter, double weight, int tokenBudget) {
    return new AdapterTrainer(
        kernels,
        model,
        adapter,
        Training.defaults(),
        new AdapterTrainer.Settings(
            0,
            tokenBudget,
            new LearningRate(Schedule.CONSTANT, 0, 0, 10),
            1,
            tokenBudget == 1,
            weight));
  }
}
