package dev.finetune.trainer.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.api.spec.ScheduleOptions;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.goldens.RandomModel;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.optim.LearningRate;
import dev.finetune.trainer.train.AdapterTrainer;
import dev.finetune.trainer.train.ExampleLoss;
import dev.finetune.trainer.train.ExampleLosses;
import dev.finetune.trainer.train.StepResult;
import dev.finetune.trainer.train.TrainingSpec;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CheckpointFilesTest {
  private static final Quantization NF4 = new Quantization(QuantizationType.NF4, 64, true);
  private static final String PLATEAU =
      "schedule: reduceOnPlateau, evalEverySteps: 1, scheduleOptions: {patience: 0, factor: 0.5}";

  @TempDir private Path folder;

  /** At rank 16, matrices of 7248 and of 3632 numbers: above and below what 8-bit states need. */
  private final ModelConfig config = RandomModel.config(1, 16, 4, 14);

  private final List<Example> examples =
      RandomModel.examples(config.vocabularySize(), 9, 8, 3, 11, 5);

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "AdamW | F32 | 1",
        "AdamW | BF16 | 4",
        "AdamW8bit, weightDecay: 0.1 | F32 | 1",
        "AdamW8bit | F32 | 4",
        "SGD | F32 | 1",
        "SGD, optimizerOptions: {momentum: 0.9} | F32 | 4",
        "Adafactor, weightDecay: 0.1 | F32 | 1",
        "Adafactor | BF16 | 4"
      })
  void goesOnFromACheckpointToTheSameBits(String optimizer, ElementType type, double ratio) {
    Kernels kernels = TestEngine.kernels(type);
    Training training =
        TrainingSpec.of("learningRate: 1e-2, optimizer: " + optimizer + ", " + PLATEAU);
    try (DecoderModel model = RandomModel.load(kernels, config, NF4, 3);
        LoraAdapter first = RandomModel.adapter(kernels, model, 16, 4);
        LoraAdapter second = RandomModel.adapter(kernels, model, 16, 99);
        AdapterTrainer uninterrupted = trainer(kernels, model, first, training, ratio);
        AdapterTrainer resumed = trainer(kernels, model, second, training, ratio)) {
      step(uninterrupted, 1);
      uninterrupted.observe(2.5);
      step(uninterrupted, 2);
      uninterrupted.observe(2.6);
      TrainingState state = write(first, uninterrupted);
      ExampleLosses losses = new ExampleLosses(3);
      assertThat(CheckpointFiles.restore(folder, second, resumed, losses)).isEqualTo(state);
      assertThat(second.parameters().toFloats()).isEqualTo(first.parameters().toFloats());
      assertThat(losses.columns()).usingRecursiveComparison().isEqualTo(losses().columns());
      for (int step = 3; step <= 5; step++) {
        StepResult expected = step(uninterrupted, step);
        assertThat(expected.learningRate()).as("reduced once").isEqualTo(0.5e-2);
        assertThat(step(resumed, step)).isEqualTo(expected);
      }
      assertThat(second.parameters().toFloats()).isEqualTo(first.parameters().toFloats());
      assertThat(values(resumed)).isEqualTo(values(uninterrupted));
    }
  }

  @Test
  void refusesTheLossesOfOtherExamplesAndDoesWithoutThoseOfAnOlderTrainer() throws IOException {
    Kernels kernels = TestEngine.kernels(ElementType.F32);
    Training adam = TrainingSpec.of("optimizer: AdamW");
    try (DecoderModel model = RandomModel.load(kernels, config, null, 3);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 16, 4);
        AdapterTrainer trainer = trainer(kernels, model, adapter, adam, 1)) {
      step(trainer, 1);
      write(adapter, trainer);
      assertThatThrownBy(
              () -> CheckpointFiles.restore(folder, adapter, trainer, new ExampleLosses(4)))
          .isInstanceOf(UnreadableData.class)
          .hasMessageContaining(
              "losses.safetensors: tensor 'first': expected F32 [4], found F32 [3]");
      Files.delete(folder.resolve("losses.safetensors"));
      ExampleLosses losses = new ExampleLosses(4);
      CheckpointFiles.restore(folder, adapter, trainer, losses);
      assertThat(losses.of(0)).isEmpty();
    }
  }

  private static ExampleLosses losses() {
    ExampleLosses losses = new ExampleLosses(3);
    losses.add(
        List.of(2, 0),
        new StepResult(
            1, 1.5, 1e-3, 1, 9, 5, List.of(new ExampleLoss(4.5, 3), new ExampleLoss(3, 2))));
    return losses;
  }

  @Test
  void refusesTheStateOfAnotherOptimizerOrSchedule() {
    Kernels kernels = TestEngine.kernels(ElementType.F32);
    Training adam = TrainingSpec.of("optimizer: AdamW");
    try (DecoderModel model = RandomModel.load(kernels, config, null, 3);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 16, 4);
        AdapterTrainer written = trainer(kernels, model, adapter, adam, 1);
        AdapterTrainer eightBit =
            trainer(kernels, model, adapter, TrainingSpec.of("optimizer: AdamW8bit"), 1);
        AdapterTrainer plateau = trainer(kernels, model, adapter, TrainingSpec.of(PLATEAU), 1)) {
      step(written, 1);
      write(adapter, written);
      assertThatThrownBy(() -> CheckpointFiles.restore(folder, adapter, eightBit, losses()))
          .isInstanceOf(UnreadableData.class)
          .hasMessageContaining("optimizer.safetensors: tensor 'model.layers.0.")
          .hasMessageContaining("expected U8 [");
      assertThatThrownBy(() -> CheckpointFiles.restore(folder, adapter, plateau, losses()))
          .isInstanceOf(UnreadableData.class)
          .hasMessageContaining("REDUCE_ON_PLATEAU");
    }
  }

  private TrainingState write(LoraAdapter adapter, AdapterTrainer trainer) {
    TrainingState state = new TrainingState(2, 1.25, 3.0, 2.6, trainer.plateau(), null);
    CheckpointFiles.write(folder, adapter, "{}", trainer, losses(), state, null);
    return state;
  }

  private StepResult step(AdapterTrainer trainer, int step) {
    return trainer.step(step, examples, () -> false).orElseThrow();
  }

  private static List<ByteBuffer> values(AdapterTrainer trainer) {
    return trainer.optimizerState().stream()
        .map(tensor -> ByteBuffer.wrap(tensor.values().toArray(ValueLayout.JAVA_BYTE)))
        .toList();
  }

  private static AdapterTrainer trainer(
      Kernels kernels, DecoderModel model, LoraAdapter adapter, Training training, double ratio) {
    ScheduleOptions options = training.scheduleOptions();
    LearningRate rate =
        new LearningRate(
            training.schedule(),
            training.learningRate(),
            0,
            100,
            options == null ? ScheduleOptions.none() : options);
    return new AdapterTrainer(
        kernels,
        model,
        adapter,
        training,
        new AdapterTrainer.Settings(0.2, 20, rate, ratio, false));
  }
}
