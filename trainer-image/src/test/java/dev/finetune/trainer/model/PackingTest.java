package dev.finetune.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.RandomModel;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.DropoutMasks;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.reference.TrainingPass;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import org.jspecify.annotations.Nullable;

/** What lies beside an example, and how a batch is cut, changes nothing about it. */
class PackingTest {
  /** Sums of 32-bit numbers in another order. */
  private static final double ROUNDING = 5e-5;

  private final Kernels kernels = TestEngine.kernels(ElementType.F32);

  /** A model, eight examples on it, and whether a step has dropout, noise and smoothing. */
  record Run(
      int layers,
      int keyValueHeads,
      int repeat,
      int headSize,
      int rank,
      boolean quantized,
      double dropout,
      List<Integer> lengths) {
    ModelConfig config() {
      return RandomModel.config(layers, keyValueHeads * repeat, keyValueHeads, headSize);
    }

    @Nullable Quantization quantization() {
      return quantized ? new Quantization(QuantizationType.NF4, 64, true) : null;
    }

    TrainingPass pass(Kernels kernels, DecoderModel model, LoraAdapter adapter) {
      return dropout == 0
          ? new TrainingPass(kernels, model, adapter, null, null, 0)
          : new TrainingPass(
              kernels,
              model,
              adapter,
              new DropoutMasks(17, 5, dropout),
              new EmbeddingNoise(17, 5, 5),
              0.1);
    }

    List<Example> examples() {
      int[] sizes = lengths.stream().mapToInt(Integer::intValue).toArray();
      return RandomModel.examples(config().vocabularySize(), lengths.hashCode(), sizes);
    }
  }

  @Provide
  Arbitrary<Run> runs() {
    Arbitrary<Integer> length =
        Arbitraries.frequencyOf(
            Tuple.of(2, Arbitraries.just(1)),
            Tuple.of(6, Arbitraries.integers().between(2, 40)),
            Tuple.of(1, Arbitraries.of(63, 64, 65, 129)));
    return Combinators.combine(
            Arbitraries.integers().between(1, 2),
            Arbitraries.integers().between(1, 3),
            Arbitraries.integers().between(1, 4),
            Arbitraries.of(2, 6, 16),
            Arbitraries.integers().between(1, 5),
            Arbitraries.of(true, false),
            Arbitraries.of(0.0, 0.3),
            length.list().ofSize(8))
        .as(Run::new)
        .filter(run -> run.examples().stream().mapToInt(Example::supervisedTokens).sum() > 0);
  }

  @Property(tries = 10, seed = "31")
  void oneByEightEqualsTwoByFourAndEightByOne(@ForAll("runs") Run run) {
    try (DecoderModel model = RandomModel.load(kernels, run.config(), run.quantization(), 3);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, run.rank(), 4)) {
      TrainingPass pass = run.pass(kernels, model, adapter);
      TrainingPass.Outcome whole = pass.run(cut(run.examples(), 8));
      for (int size : new int[] {4, 1}) {
        TrainingPass.Outcome parts = pass.run(cut(run.examples(), size));
        assertThat(Goldens.distance(parts.negativeLogLikelihoods(), whole.negativeLogLikelihoods()))
            .isLessThan(ROUNDING);
        assertThat(Goldens.distance(parts.gradients(), whole.gradients())).isLessThan(ROUNDING);
      }
    }
  }

  @Property(tries = 10, seed = "32")
  void theOrderWithinABatchChangesNothing(@ForAll("runs") Run run) {
    List<Example> shuffled = new ArrayList<>(run.examples());
    Collections.shuffle(shuffled, new Random(1));
    try (DecoderModel model = RandomModel.load(kernels, run.config(), run.quantization(), 3);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, run.rank(), 4)) {
      TrainingPass pass = run.pass(kernels, model, adapter);
      float[] expected = pass.run(List.of(run.examples())).gradients();
      float[] actual = pass.run(List.of(shuffled)).gradients();
      assertThat(Goldens.distance(actual, expected)).isLessThan(ROUNDING);
    }
  }

  @Property(tries = 10, seed = "33")
  void otherTokensOfNeighboursChangeNoBitOfLossAndGradients(@ForAll("runs") Run run) {
    List<Example> examples = run.examples();
    int watched = longest(examples);
    List<Example> alone = new ArrayList<>();
    List<Example> disturbed = new ArrayList<>();
    Random random = new Random(9);
    for (Example example : examples) {
      boolean other = example.index() != watched;
      alone.add(other ? unsupervised(example, example.inputIds()) : example);
      int[] ids = random.ints(example.inputIds().length, 0, 37).toArray();
      disturbed.add(other ? unsupervised(example, ids) : example);
    }
    for (ElementType type : new ElementType[] {ElementType.F32, ElementType.BF16}) {
      Kernels precise = TestEngine.kernels(type);
      try (DecoderModel model = RandomModel.load(precise, run.config(), run.quantization(), 3);
          LoraAdapter adapter = RandomModel.adapter(precise, model, run.rank(), 4)) {
        TrainingPass pass = run.pass(precise, model, adapter);
        TrainingPass.Outcome expected = pass.run(List.of(alone));
        TrainingPass.Outcome actual = pass.run(List.of(disturbed));
        assertThat(actual.negativeLogLikelihoods()).isEqualTo(expected.negativeLogLikelihoods());
        assertSame(actual.gradients(), expected.gradients());
      }
    }
  }

  private static int longest(List<Example> examples) {
    int longest = 0;
    for (Example example : examples) {
      if (example.supervisedTokens() > examples.get(longest).supervisedTokens()) {
        longest = example.index();
      }
    }
    return longest;
  }

  private static Example unsupervised(Example example, int[] ids) {
    int[] labels = new int[ids.length];
    Arrays.fill(labels, Example.NOT_SUPERVISED);
    return new Example(example.index(), ids, labels);
  }

  /** Compares bits; only zeros may differ, in their sign. */
  private static void assertSame(float[] actual, float[] expected) {
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < actual.length; i++) {
      assertThat(actual[i]).as("gradient %d", i).isFinite();
      if (actual[i] != expected[i]) {
        assertThat(actual[i]).as("gradient %d", i).isEqualTo(expected[i]);
      }
    }
  }

  private static List<List<Example>> cut(List<Example> examples, int size) {
    List<List<Example>> parts = new ArrayList<>();
    for (int i = 0; i < examples.size(); i += size) {
      parts.add(examples.subList(i, Math.min(examples.size(), i + size)));
    }
    return parts;
  }
}
