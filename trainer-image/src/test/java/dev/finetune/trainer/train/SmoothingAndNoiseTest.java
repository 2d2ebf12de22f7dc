package dev.finetune.trainer.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.finetune.api.spec.FineTuneJobFile;
import dev.finetune.api.spec.Schedule;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.RandomModel;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.optim.LearningRate;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Label smoothing and NEFTune in the steps of a run. */
class SmoothingAndNoiseTest {
  private static final int WHOLE = 10_000;
  private static final int ONE_BY_ONE = 1;

  private final Kernels kernels = TestEngine.kernels(ElementType.F32);
  private final ModelConfig config = RandomModel.config(2, 3, 1, 4);
  private final List<Example> examples =
      RandomModel.examples(config.vocabularySize(), 9, 8, 1, 6, 11, 5, 3, 9, 2);

  /** What some steps left behind: their last result, the loss before and after, the adapter. */
  private record Outcome(StepResult last, double before, double after, float[] adapter) {}

  @Test
  void noiseDoesNotDependOnTheCutIntoMicroBatches() {
    Outcome whole = run("{neftuneNoiseAlpha: 20}", WHOLE, 1, 3);
    Outcome alone = run("{neftuneNoiseAlpha: 20}", ONE_BY_ONE, 1, 3);
    assertThat(Goldens.distance(alone.adapter(), whole.adapter())).isLessThan(1e-5);
    assertThat(alone.last().loss()).isCloseTo(whole.last().loss(), within(1e-5));
    Outcome without = run("{}", WHOLE, 1, 3);
    assertThat(Goldens.distance(without.adapter(), whole.adapter())).isGreaterThan(1e-3);
  }

  @Test
  void noiseIsAFunctionOfTheStep() {
    Outcome second = run("{neftuneNoiseAlpha: 20}", WHOLE, 2, 2);
    assertThat(run("{neftuneNoiseAlpha: 20}", WHOLE, 2, 2))
        .usingRecursiveComparison()
        .isEqualTo(second);
    assertThat(run("{neftuneNoiseAlpha: 20}", WHOLE, 3, 3).last().loss())
        .isNotEqualTo(second.last().loss());
    assertThat(run("{neftuneNoiseAlpha: 20, seed: 43}", WHOLE, 2, 2).last().loss())
        .isNotEqualTo(second.last().loss());
  }

  @Test
  void evaluationHasNeitherNoiseNorSmoothing() {
    Outcome plain = run("{}", WHOLE, 1, 1);
    Outcome both = run("{neftuneNoiseAlpha: 20, labelSmoothing: 0.3}", WHOLE, 1, 1);
    assertThat(both.before()).isEqualTo(plain.before());
    assertThat(both.last().loss()).isNotCloseTo(both.before(), within(1e-4));
    assertThat(both.after()).isNotEqualTo(plain.after());
  }

  @Test
  void theLossOfAStepIsPlainAlsoWithSmoothing() {
    Outcome plain = run("{}", WHOLE, 1, 1);
    Outcome smoothed = run("{labelSmoothing: 0.3}", WHOLE, 1, 1);
    assertThat(smoothed.last().loss()).isEqualTo(plain.last().loss());
    assertThat(smoothed.last().gradientNorm())
        .isNotCloseTo(plain.last().gradientNorm(), within(1e-3));
    assertThat(Goldens.distance(smoothed.adapter(), plain.adapter())).isGreaterThan(1e-3);
  }

  private Outcome run(String training, int tokenBudget, int firstStep, int lastStep) {
    LearningRate rate = new LearningRate(Schedule.CONSTANT, 1e-2, 0, 100);
    try (DecoderModel model = RandomModel.load(kernels, config, null, 3);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 3, 4);
        AdapterTrainer trainer =
            new AdapterTrainer(
                kernels,
                model,
                adapter,
                training(training),
                new AdapterTrainer.Settings(0, tokenBudget, rate))) {
      double before = trainer.evaluate(examples, () -> false).orElseThrow().loss();
      StepResult last = null;
      for (int step = firstStep; step <= lastStep; step++) {
        last = trainer.step(step, examples, () -> false).orElseThrow();
      }
      double after = trainer.evaluate(examples, () -> false).orElseThrow().loss();
      return new Outcome(last, before, after, adapter.parameters().toFloats());
    }
  }

  private static Training training(String fields) {
    return FineTuneJobFile.parse(
            """
            apiVersion: finetune.dev/v1alpha1
            kind: FineTuneJob
            metadata: {name: noise}
            spec:
              model: {uri: "file:model"}
              dataset: {train: "file:train.jsonl"}
              storage: {uri: "file:runs"}
              training: %s
            """
                .formatted(fields))
        .spec()
        .training();
  }
}
