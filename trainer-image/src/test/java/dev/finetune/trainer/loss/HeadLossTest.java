package dev.finetune.trainer.loss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.finetune.trainer.basemodel.DecoderTensors;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.data.Target;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.RandomModel;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.AdapterShape;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.LoraTarget;
import dev.finetune.trainer.lora.ModelModules;
import dev.finetune.trainer.model.DecoderModel;
import dev.finetune.trainer.model.Tape;
import dev.finetune.trainer.random.CounterRandom;
import dev.finetune.trainer.reference.FiniteDifferences;
import dev.finetune.trainer.train.MicroBatches;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.SequencedMap;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Losses of heads and their gradients. */
class HeadLossTest {
  private static final List<String> LABELS = List.of("a", "b", "c");
  private static final double[] WEIGHTS = {0.5, 2, 1.25};

  @Property(tries = 50)
  void gradientsOfProblemsEqualFiniteDifferences(
      @ForAll long seed, @ForAll @IntRange(min = 0, max = 2) int label) {
    double[] logits = new double[LABELS.size()];
    for (int i = 0; i < logits.length; i++) {
      logits[i] = 3 * CounterRandom.normal(seed, i);
    }
    check(new OneLabel(LABELS, WEIGHTS, 0, false), new float[] {label}, logits);
    float[] several = {label & 1, label >> 1, 1};
    check(new SeveralLabels(LABELS, WEIGHTS), several, logits);
    check(new OneNumber(), new float[] {label - 0.5f}, Arrays.copyOf(logits, 1));
  }

  private static void check(HeadProblem problem, float[] target, double[] logits) {
    double[] gradient = new double[logits.length];
    problem.loss(target, logits, gradient);
    double[] numeric =
        FiniteDifferences.gradient(
            x -> problem.loss(target, x[0], new double[logits.length]), 0, logits.clone());
    for (int i = 0; i < logits.length; i++) {
      assertThat(gradient[i]).isCloseTo(numeric[i], within(1e-5));
    }
  }

  @Test
  void smoothingTrainsTowardsAllLabelsAndReportsThePlainLoss() {
    double[] logits = {0.3, -1, 2};
    double[] plain = new double[3];
    double[] smooth = new double[3];
    double[] even = {1, 1, 1};
    double loss = new OneLabel(LABELS, even, 0, false).loss(new float[] {2}, logits, plain);
    assertThat(new OneLabel(LABELS, even, 0.3, false).loss(new float[] {2}, logits, smooth))
        .isEqualTo(loss);
    for (int i = 0; i < 3; i++) {
      double moved = i == 2 ? 0.3 - 0.1 : -0.1;
      assertThat(smooth[i]).isCloseTo(plain[i] + moved, within(1e-12));
    }
  }

  @Test
  void extremeLogitsGiveFiniteLosses() {
    double[] gradient = new double[3];
    double[] logits = {1e4, -1e4, 0};
    assertThat(new SeveralLabels(LABELS, WEIGHTS).loss(new float[] {0, 1, 0}, logits, gradient))
        .isFinite();
    assertThat(new OneLabel(LABELS, WEIGHTS, 0, false).loss(new float[] {1}, logits, gradient))
        .isCloseTo(4e4, within(1e-6));
    assertThat(gradient).doesNotContain(Double.NaN);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 20, 1000})
  void howExamplesAreCutChangesNoGradient(int budget) {
    float[] actual = gradients(ElementType.F32, budget, true);
    float[] expected = gradients(ElementType.F32, 1000, true);
    assertThat(Goldens.distance(actual, expected)).isLessThan(1e-5);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void gradientsInBf16AreCloseToThoseInF32(boolean words) {
    float[] actual = gradients(ElementType.BF16, 1000, words);
    float[] expected = gradients(ElementType.F32, 1000, words);
    assertThat(Goldens.distance(actual, expected)).isBetween(1e-6, 0.05);
  }

  /** The gradient of the last norm's weight, which no golden trains, is checked here too. */
  @Test
  void gradientsOfTheWholeModelEqualFiniteDifferences() {
    Kernels kernels = TestEngine.kernels(ElementType.F32);
    ModelConfig config = RandomModel.config(1, 2, 1, 4);
    try (DecoderModel model = RandomModel.load(kernels, config, null, 3);
        LoraAdapter adapter = adapter(kernels, model, config)) {
      HeadLoss loss = model.headLoss(adapter, problem(true));
      List<Example> examples = examples(config, true);
      accumulate(model, adapter, loss, examples, 1000);
      float[] point = adapter.parameters().toFloats();
      float[] analytic = adapter.gradients().toFloats();
      for (String name : List.of("score.weight", "score.bias", "model.norm.weight")) {
        float[] direction = new float[point.length];
        adapter.sections().stream()
            .filter(section -> section.name().equals(name))
            .forEach(
                section -> {
                  for (int i = 0; i < section.elements(); i++) {
                    direction[(int) section.start() + i] = (float) CounterRandom.normal(9, i);
                  }
                });
        double slope =
            (moved(model, adapter, loss, examples, point, direction, 1e-2f)
                    - moved(model, adapter, loss, examples, point, direction, -1e-2f))
                / 2e-2;
        double expected = 0;
        for (int i = 0; i < point.length; i++) {
          expected += analytic[i] * direction[i];
        }
        assertThat(slope).as(name).isCloseTo(expected, within(1e-3 + 0.01 * Math.abs(expected)));
      }
    }
  }

  private static double moved(
      DecoderModel model,
      LoraAdapter adapter,
      HeadLoss loss,
      List<Example> examples,
      float[] point,
      float[] direction,
      float step) {
    float[] there = point.clone();
    for (int i = 0; i < there.length; i++) {
      there[i] += step * direction[i];
    }
    adapter.setParameters(there);
    MicroBatch batch = MicroBatch.of(examples);
    try (DecoderModel.Forward forward = model.forward(batch, adapter, null, Tape.discarding())) {
      float[] terms = loss.terms(forward.hidden(), batch);
      double sum = 0;
      for (float term : terms) {
        sum += term;
      }
      return sum / terms.length;
    }
  }

  private static float[] gradients(ElementType type, int budget, boolean words) {
    Kernels kernels = TestEngine.kernels(type);
    ModelConfig config = RandomModel.config(2, 2, 2, 4);
    try (DecoderModel model = RandomModel.load(kernels, config, null, 3);
        LoraAdapter adapter = adapter(kernels, model, config)) {
      accumulate(
          model, adapter, model.headLoss(adapter, problem(words)), examples(config, words), budget);
      return adapter.gradients().toFloats();
    }
  }

  private static OneLabel problem(boolean words) {
    return new OneLabel(LABELS, WEIGHTS, 0, words);
  }

  private static void accumulate(
      DecoderModel model, LoraAdapter adapter, HeadLoss loss, List<Example> examples, int budget) {
    int terms = examples.stream().mapToInt(loss::terms).sum();
    adapter.clearGradients();
    for (List<Example> part : MicroBatches.cut(examples, budget)) {
      MicroBatch batch = MicroBatch.of(part);
      try (Scope scope = new Scope();
          DecoderModel.Forward forward = model.forward(batch, adapter, null, Tape.keeping())) {
        model.backward(
            forward, loss.withGradient(scope, forward.hidden(), batch, 1.0 / terms).gradient());
      }
    }
  }

  private static LoraAdapter adapter(Kernels kernels, DecoderModel model, ModelConfig config) {
    ModelModules modules =
        ModelModules.of(DecoderTensors.shapes(config), config.layers())
            .classifier(LABELS.size(), true);
    SequencedMap<String, List<Long>> whole = new LinkedHashMap<>();
    for (String name : List.of("model.norm", ModelModules.SCORE, ModelModules.SCORE_BIAS)) {
      whole.put(name, Arrays.stream(modules.others().get(name)).boxed().toList());
    }
    List<LoraTarget> targets =
        modules.linears().stream().map(linear -> new LoraTarget(linear, 2, 2, false)).toList();
    LoraAdapter adapter = new LoraAdapter(kernels, new AdapterShape(targets, false, whole));
    adapter.initialize(1);
    model.initialize(adapter);
    adapter.initializeScore(1);
    return adapter;
  }

  private static List<Example> examples(ModelConfig config, boolean words) {
    List<Example> examples = new ArrayList<>();
    for (Example row : RandomModel.examples(config.vocabularySize(), 5, 7, 1, 2, 12)) {
      int length = row.inputIds().length;
      int[] labels = new int[length];
      int[] places = new int[length];
      for (int i = 0; i < length; i++) {
        labels[i] = i % 4 == 3 ? Example.NOT_SUPERVISED : (i + row.index()) % 3;
        places[i] = i;
      }
      Target target =
          words
              ? new Target.OfTokens(labels, places)
              : new Target.OfText(new float[] {row.index() % 3});
      examples.add(new Example(row.index(), row.inputIds(), target));
    }
    return examples;
  }
}
