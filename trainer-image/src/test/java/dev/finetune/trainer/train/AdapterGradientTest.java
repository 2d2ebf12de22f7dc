package dev.finetune.trainer.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.api.spec.Schedule;
import dev.finetune.api.spec.Training;
import dev.finetune.trainer.basemodel.DecoderTensors;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.RandomModel;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.AdapterShape;
import dev.finetune.trainer.lora.LinearShape;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.LoraModule;
import dev.finetune.trainer.lora.LoraTarget;
import dev.finetune.trainer.lora.ModelModules;
import dev.finetune.trainer.lora.ParameterSection;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.optim.LearningRate;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SequencedMap;
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

  /** Embedding, output layer and norms are trained whole, next to updates of some layers. */
  @ParameterizedTest
  @CsvSource({"1 1 1 2, 0", "2 3 1 4, 0.3"})
  void gradientsOfWholeModulesEqualFiniteDifferences(String shape, double dropout) {
    int[] sizes = Arrays.stream(shape.split(" ")).mapToInt(Integer::parseInt).toArray();
    ModelConfig config =
        RandomModel.untied(RandomModel.config(sizes[0], sizes[1], sizes[2], sizes[3]));
    SequencedMap<String, List<Long>> whole = new LinkedHashMap<>();
    ModelModules.of(DecoderTensors.shapes(config), config.layers())
        .others()
        .forEach((name, size) -> whole.put(name, Arrays.stream(size).boxed().toList()));
    assertThat(whole).hasSize(3 + 2 * sizes[0]);
    try (DecoderModel model = RandomModel.load(kernels, config, NF4, 3);
        LoraAdapter adapter =
            RandomModel.adapter(
                kernels,
                new AdapterShape(shape(model.linears(), false).targets(), false, whole),
                4)) {
      compare(config, model, adapter, dropout);
    }
  }

  @ParameterizedTest
  @CsvSource({"1 1 1 2", "2 3 1 4"})
  void gradientsOfEmbeddingAndOutputLayerEqualFiniteDifferences(String shape) {
    int[] sizes = Arrays.stream(shape.split(" ")).mapToInt(Integer::parseInt).toArray();
    ModelConfig config =
        RandomModel.untied(RandomModel.config(sizes[0], sizes[1], sizes[2], sizes[3]));
    long vocabulary = config.vocabularySize();
    long hidden = config.hiddenSize();
    try (DecoderModel model = RandomModel.load(kernels, config, null, 3)) {
      List<LoraTarget> targets = new ArrayList<>(shape(model.linears(), false).targets());
      targets.add(
          new LoraTarget(new LinearShape("model.embed_tokens", vocabulary, hidden), 3, 0.9, true));
      targets.add(new LoraTarget(new LinearShape("lm_head", hidden, vocabulary), 2, 1.3));
      try (LoraAdapter adapter =
          RandomModel.adapter(kernels, new AdapterShape(targets, false), 4)) {
        compare(config, model, adapter, 0);
      }
    }
  }

  /** Every kind of trained tensor at once, but for low-rank updates of what is trained whole. */
  @ParameterizedTest
  @CsvSource({"true, 0", "true, 0.3", "false, 0"})
  void gradientsInBfloat16AreThoseInFp32ButForRounding(boolean decomposed, double dropout) {
    ModelConfig config = RandomModel.untied(RandomModel.config(2, 3, 1, 4));
    Map<String, float[]> wide = gradients(ElementType.F32, config, decomposed, dropout);
    Map<String, float[]> narrow = gradients(ElementType.BF16, config, decomposed, dropout);
    assertThat(narrow.keySet()).isEqualTo(wide.keySet());
    wide.forEach(
        (name, gradient) ->
            assertThat(Goldens.distance(narrow.get(name), gradient)).as(name).isLessThan(0.15));
  }

  private static Map<String, float[]> gradients(
      ElementType type, ModelConfig config, boolean decomposed, double dropout) {
    Kernels kernels = TestEngine.kernels(type);
    try (DecoderModel model = RandomModel.load(kernels, config, NF4, 3)) {
      List<LoraTarget> targets = new ArrayList<>(shape(model.linears(), decomposed).targets());
      SequencedMap<String, List<Long>> whole = new LinkedHashMap<>();
      long vocabulary = config.vocabularySize();
      long hidden = config.hiddenSize();
      whole.put("model.layers.1.input_layernorm", List.of(hidden));
      whole.put("model.norm", List.of(hidden));
      if (decomposed) {
        whole.put("model.embed_tokens", List.of(vocabulary, hidden));
        whole.put("lm_head", List.of(vocabulary, hidden));
      } else {
        targets.add(
            new LoraTarget(
                new LinearShape("model.embed_tokens", vocabulary, hidden), 3, 0.9, true));
        targets.add(new LoraTarget(new LinearShape("lm_head", hidden, vocabulary), 2, 1.3));
      }
      try (LoraAdapter adapter =
              RandomModel.adapter(kernels, new AdapterShape(targets, decomposed, whole), 4);
          AdapterTrainer trainer = trainer(kernels, model, adapter, dropout)) {
        loss(trainer, RandomModel.examples(config.vocabularySize(), 5, 7, 1, 2, 12));
        Map<String, float[]> gradients = new HashMap<>();
        adapter.gradientTensors().forEach((name, matrix) -> gradients.put(name, matrix.values()));
        return gradients;
      }
    }
  }

  private static AdapterTrainer trainer(
      Kernels kernels, DecoderModel model, LoraAdapter adapter, double dropout) {
    LearningRate still = new LearningRate(Schedule.CONSTANT, 0, 0, 100);
    return new AdapterTrainer(
        kernels,
        model,
        adapter,
        Training.defaults(),
        new AdapterTrainer.Settings(dropout, 10_000, still));
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
    try (AdapterTrainer trainer = trainer(kernels, model, adapter, dropout)) {
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
