package dev.finetune.trainer.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.api.spec.Schedule;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.goldens.RandomModel;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.AdapterShape;
import dev.finetune.trainer.lora.LinearShape;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.LoraModule;
import dev.finetune.trainer.lora.LoraTarget;
import dev.finetune.trainer.lora.ParameterSection;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.optim.LearningRate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The gradients of every kind of adapter against central differences along a random direction of
 * each tensor, with the dropout masks held.
 */
class AdapterGradientTest {
  private static final Quantization NF4 = new Quantization(QuantizationType.NF4, 64, true);
  private static final double STEP = 1e-2;

  private final Kernels kernels = TestEngine.kernels(ElementType.F32);

  /** Ranks differ, and some layers of a group have no update. */
  @ParameterizedTest
  @CsvSource({
    "1 1 1 2, false, 0",
    "2 3 1 4, false, 0",
    "2 3 1 4, false, 0.3",
    "1 1 1 2, true, 0",
    "2 3 1 4, true, 0",
    "2 3 1 4, true, 0.3"
  })
  void gradientsEqualFiniteDifferences(String shape, boolean decomposed, double dropout) {
    int[] sizes = Arrays.stream(shape.split(" ")).mapToInt(Integer::parseInt).toArray();
    ModelConfig config = RandomModel.config(sizes[0], sizes[1], sizes[2], sizes[3]);
    for (Quantization quantization : new Quantization[] {null, NF4}) {
      try (DecoderModel model = RandomModel.load(kernels, config, quantization, 3);
          LoraAdapter adapter =
              RandomModel.adapter(kernels, shape(model.linears(), decomposed), 4)) {
        compare(config, model, adapter, dropout);
      }
    }
  }

  private static AdapterShape shape(List<LinearShape> linears, boolean decomposed) {
    List<LoraTarget> targets = new ArrayList<>();
    for (LinearShape linear : linears) {
      if (!linear.name().endsWith("k_proj")) {
        targets.add(new LoraTarget(linear, 1 + targets.size() % 3, 0.7 + targets.size() % 2));
      }
    }
    return new AdapterShape(targets, decomposed);
  }

  private void compare(
      ModelConfig config, DecoderModel model, LoraAdapter adapter, double dropout) {
    LearningRate still = new LearningRate(Schedule.CONSTANT, 0, 0, 100);
    try (AdapterTrainer trainer =
        new AdapterTrainer(
            kernels,
            model,
            adapter,
            Training.defaults(),
            new AdapterTrainer.Settings(dropout, 10_000, still))) {
      List<Example> examples = RandomModel.examples(config.vocabularySize(), 5, 7, 1, 2, 12);
      loss(trainer, examples);
      float[] point = adapter.parameters().toFloats();
      float[] gradients = adapter.gradients().toFloats();
      Map<String, float[]> norms = norms(adapter);
      for (ParameterSection section : adapter.sections()) {
        float[] direction = direction(section, point.length);
        double analytic = dot(direction, gradients);
        double ahead = lossAt(trainer, adapter, examples, move(point, direction, STEP), norms);
        double behind = lossAt(trainer, adapter, examples, move(point, direction, -STEP), norms);
        assertThat((ahead - behind) / (2 * STEP))
            .as(section.name())
            .isCloseTo(analytic, within(2e-3 + 0.02 * Math.abs(analytic)));
      }
    }
  }

  /** Returns the loss at a point as if the norms of DoRA were constants. */
  private static double lossAt(
      AdapterTrainer trainer,
      LoraAdapter adapter,
      List<Example> examples,
      float[] point,
      Map<String, float[]> norms) {
    adapter.setParameters(point);
    double loss = loss(trainer, examples);
    if (norms.isEmpty()) {
      return loss;
    }
    // The loss depends on magnitude / norm: the magnitude makes up for a norm that has moved.
    Map<String, float[]> moved = norms(adapter);
    for (ParameterSection section : adapter.sections()) {
      if (section.kind() == ParameterSection.Kind.MAGNITUDE) {
        float[] held = norms.get(section.name());
        float[] now = moved.get(section.name());
        for (int i = 0; i < held.length; i++) {
          point[(int) section.start() + i] *= now[i] / held[i];
        }
      }
    }
    adapter.setParameters(point);
    return loss(trainer, examples);
  }

  private static Map<String, float[]> norms(LoraAdapter adapter) {
    Map<String, float[]> norms = new HashMap<>();
    for (ParameterSection section : adapter.sections()) {
      if (section.kind() == ParameterSection.Kind.MAGNITUDE) {
        LoraModule module = adapter.find(section.name().replace(".lora_magnitude_vector", ""));
        norms.put(section.name(), module.magnitude().norm().toFloats());
      }
    }
    return norms;
  }

  private static double loss(AdapterTrainer trainer, List<Example> examples) {
    return trainer.step(1, examples, () -> false).orElseThrow().loss();
  }

  private static float[] direction(ParameterSection section, int size) {
    float[] direction = new float[size];
    Random random = new Random(section.name().hashCode());
    int start = (int) section.start();
    for (int i = 0; i < section.elements(); i++) {
      direction[start + i] = (float) random.nextGaussian();
    }
    double norm = Math.sqrt(dot(direction, direction));
    for (int i = 0; i < size; i++) {
      direction[i] /= (float) norm;
    }
    return direction;
  }

  private static float[] move(float[] point, float[] direction, double distance) {
    float[] moved = point.clone();
    for (int i = 0; i < moved.length; i++) {
      moved[i] += (float) (distance * direction[i]);
    }
    return moved;
  }

  private static double dot(float[] a, float[] b) {
    double sum = 0;
    for (int i = 0; i < a.length; i++) {
      sum += (double) a[i] * b[i];
    }
    return sum;
  }
}
