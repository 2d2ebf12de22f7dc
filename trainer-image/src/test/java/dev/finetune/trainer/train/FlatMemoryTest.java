package dev.finetune.trainer.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.api.spec.Schedule;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Engine;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.goldens.RandomModel;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.optim.LearningRate;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class FlatMemoryTest {
  private static final int WARM = 50;
  private static final int STEPS = 450;

  /** A leak grows in each; what the virtual machine takes for itself comes once. */
  private static final int WINDOWS = 3;

  private static final long MEBIBYTE = 1 << 20;

  @Test
  void tensorsAndResidentMemoryStayFlatOverManySteps() throws IOException {
    Kernels kernels = TestEngine.kernels(ElementType.BF16);
    Engine engine = TestEngine.engine();
    ModelConfig config = RandomModel.config(1, 2, 1, 8);
    List<Example> examples = RandomModel.examples(config.vocabularySize(), 9, 20, 1, 5);
    AdapterTrainer.Settings settings =
        new AdapterTrainer.Settings(0.1, 21, new LearningRate(Schedule.CONSTANT, 1e-4, 0, STEPS));
    Quantization nf4 = new Quantization(QuantizationType.NF4, 64, true);
    try (DecoderModel model = RandomModel.load(kernels, config, nf4, 3);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, 4, 4);
        AdapterTrainer trainer =
            new AdapterTrainer(kernels, model, adapter, Training.defaults(), settings)) {
      run(trainer, examples, 1, WARM);
      long tensors = engine.liveTensors();
      long bytes = engine.liveBytes();
      engine.resetPeakBytes();
      run(trainer, examples, WARM + 1, WARM + 10);
      long peak = engine.peakBytes();
      long growth = Long.MAX_VALUE;
      int step = WARM + 11;
      for (int window = 0; window < WINDOWS; window++, step += STEPS) {
        long resident = resident();
        run(trainer, examples, step, step + STEPS - 1);
        growth = Math.min(growth, resident() - resident);
      }
      assertThat(engine.liveTensors()).isEqualTo(tensors);
      assertThat(engine.liveBytes()).isEqualTo(bytes);
      assertThat(engine.peakBytes()).isEqualTo(peak);
      // A leak of one small tensor of each kernel of a step would be more than 32 MiB.
      assertThat(growth).isLessThan(32 * MEBIBYTE);
    }
  }

  private static void run(AdapterTrainer trainer, List<Example> examples, int from, int to) {
    for (int step = from; step <= to; step++) {
      assertThat(trainer.step(step, examples, () -> false)).isPresent();
    }
  }

  /** Memory of the process outside the Java heap, whose growth is the collector's choice. */
  private static long resident() throws IOException {
    System.gc();
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("VmRSS:")) {
        long heap = Runtime.getRuntime().totalMemory();
        return Long.parseLong(line.replaceAll("\\D", "")) * 1024 - heap;
      }
    }
    throw new IllegalStateException("no VmRSS");
  }
}
