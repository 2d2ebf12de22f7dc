package dev.finetune.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.basemodel.RopeScaling;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.RandomModel;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.DropoutMasks;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.quant.Nf4;
import dev.finetune.trainer.reference.FiniteDifferences;
import dev.finetune.trainer.reference.ReferenceDecoder;
import dev.finetune.trainer.reference.TrainingPass;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.SequencedMap;
import java.util.function.Function;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Loss and gradients of whole models, packed and in 32 bits, against a decoder in double precision
 * that runs each example alone, and finite differences of it.
 */
class DecoderGradientTest {
  private static final long WEIGHTS = 3;
  private static final int BLOCK = 64;
  private static final double LOSS = 2e-6;
  private static final double GRADIENT = 5e-5;
  private static final double BF16 = 0.1;

  private final Kernels kernels = TestEngine.kernels(ElementType.F32);

  /** A model and what is trained on it. */
  private record Shape(
      int layers,
      int keyValueHeads,
      int repeat,
      int headSize,
      int rank,
      boolean tied,
      boolean quantized,
      double dropout,
      double noise,
      double smoothing) {
    ModelConfig config() {
      ModelConfig c = RandomModel.config(layers, keyValueHeads * repeat, keyValueHeads, headSize);
      return new ModelConfig(
          c.architecture(),
          c.vocabularySize(),
          c.hiddenSize(),
          c.intermediateSize(),
          layers,
          c.attentionHeads(),
          keyValueHeads,
          headSize,
          c.rmsNormEpsilon(),
          c.ropeTheta(),
          new RopeScaling.None(),
          tied,
          c.maxPositions());
    }
  }

  @Property(tries = 10, seed = "21")
  void lossAndGradientsEqualTheDefinition(
      @ForAll @IntRange(min = 1, max = 2) int layers,
      @ForAll @IntRange(min = 1, max = 3) int keyValueHeads,
      @ForAll @IntRange(min = 1, max = 4) int repeat,
      @ForAll @IntRange(min = 1, max = 4) int halfHead,
      @ForAll @IntRange(min = 1, max = 4) int rank,
      @ForAll boolean tied,
      @ForAll boolean quantized,
      @ForAll boolean dropout,
      @ForAll boolean smoothing) {
    check(
        new Shape(
            layers,
            keyValueHeads,
            repeat,
            2 * halfHead,
            rank,
            tied,
            quantized,
            dropout ? 0.3 : 0,
            dropout ? 5 : 0,
            smoothing ? 0.2 : 0),
        new int[] {7, 1, 2, 12});
  }

  @Test
  void lossAndGradientsEqualTheDefinitionForLongSequences() {
    check(new Shape(1, 1, 3, 4, 2, true, false, 0.1, 10, 0.1), new int[] {65, 1, 130, 33});
  }

  /** Rounding to eight bits, through a model of random weights; a wrong product is 100 % off. */
  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8})
  void gradientsInBfloat16AreCloseToThoseIn32Bits(int rank) {
    ModelConfig config = RandomModel.config(1, 2, 1, 16);
    List<Example> examples = RandomModel.examples(config.vocabularySize(), 6, 40, 1, 129, 17);
    SequencedMap<String, LoraAdapter.Matrix> exact =
        gradients(TestEngine.kernels(ElementType.F32), config, rank, examples);
    gradients(TestEngine.kernels(ElementType.BF16), config, rank, examples)
        .forEach(
            (name, rounded) ->
                assertThat(Goldens.distance(rounded.values(), exact.get(name).values()))
                    .as(name)
                    .isLessThan(BF16));
  }

  private static SequencedMap<String, LoraAdapter.Matrix> gradients(
      Kernels kernels, ModelConfig config, int rank, List<Example> examples) {
    try (DecoderModel model = RandomModel.load(kernels, config, null, WEIGHTS);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, rank, 4)) {
      float[] small = adapter.parameters().toFloats();
      for (int i = 0; i < small.length; i++) {
        small[i] *= 0.1f;
      }
      adapter.setParameters(small);
      new TrainingPass(kernels, model, adapter, new DropoutMasks(8, 2, 0.2), null, 0)
          .run(List.of(examples));
      return adapter.gradientTensors();
    }
  }

  private void check(Shape shape, int[] lengths) {
    ModelConfig config = shape.config();
    Quantization quantization =
        shape.quantized() ? new Quantization(QuantizationType.NF4, BLOCK, false) : null;
    List<Example> examples = RandomModel.examples(config.vocabularySize(), 5, lengths);
    int supervised = examples.stream().mapToInt(Example::supervisedTokens).sum();
    DropoutMasks masks = shape.dropout() == 0 ? null : new DropoutMasks(8, 2, shape.dropout());
    EmbeddingNoise noise = shape.noise() == 0 ? null : new EmbeddingNoise(8, 2, shape.noise());
    try (DecoderModel model = RandomModel.load(kernels, config, quantization, WEIGHTS);
        LoraAdapter adapter = RandomModel.adapter(kernels, model, shape.rank(), 4)) {
      TrainingPass.Outcome outcome =
          new TrainingPass(kernels, model, adapter, masks, noise, shape.smoothing())
              .run(List.of(examples));
      ReferenceDecoder reference =
          new ReferenceDecoder(
              config, weights(shape, config), shape.rank(), 2, new TrainingVariation(masks, noise));
      Map<String, double[]> matrices = new HashMap<>();
      adapter.tensors().forEach((n, m) -> matrices.put(n, FiniteDifferences.wide(m.values())));
      double sum = 0;
      for (float value : outcome.negativeLogLikelihoods()) {
        sum += value;
      }
      double loss = mean(reference, examples, matrices, ReferenceDecoder::negativeLogLikelihood);
      assertThat(sum / supervised).isCloseTo(loss, within(LOSS * loss));
      adapter
          .gradientTensors()
          .forEach(
              (name, gradient) ->
                  assertSlope(
                      reference,
                      examples,
                      matrices,
                      smoothed(shape.smoothing()),
                      name,
                      gradient.values()));
    }
  }

  /** Compares the slope along a random direction of one matrix. */
  private static void assertSlope(
      ReferenceDecoder reference,
      List<Example> examples,
      Map<String, double[]> matrices,
      ReferenceDecoder.PlaceLoss loss,
      String name,
      float[] gradient) {
    double[] direction =
        FiniteDifferences.wide(
            FiniteDifferences.normal(new Random(name.hashCode()), gradient.length));
    double[] analytic = FiniteDifferences.wide(gradient);
    double numeric =
        FiniteDifferences.slope(
            (double[]... matrix) -> {
              Map<String, double[]> moved = new HashMap<>(matrices);
              moved.put(name, matrix[0]);
              return mean(reference, examples, moved, loss);
            },
            direction,
            0,
            matrices.get(name));
    double size = Math.sqrt(FiniteDifferences.dot(analytic, analytic));
    assertThat(FiniteDifferences.dot(direction, analytic))
        .as("%s of %s", name, reference.config())
        .isCloseTo(numeric, within(GRADIENT * size));
  }

  /** The definition of smoothing: cross-entropy to a mixture of the label and all tokens. */
  private static ReferenceDecoder.PlaceLoss smoothed(double smoothing) {
    return (logits, label) -> {
      double sum = 0;
      for (int token = 0; token < logits.length; token++) {
        double target = smoothing / logits.length + (token == label ? 1 - smoothing : 0);
        sum += target * ReferenceDecoder.negativeLogLikelihood(logits, token);
      }
      return sum;
    };
  }

  private static double mean(
      ReferenceDecoder reference,
      List<Example> examples,
      Map<String, double[]> matrices,
      ReferenceDecoder.PlaceLoss loss) {
    int supervised = examples.stream().mapToInt(Example::supervisedTokens).sum();
    return reference.loss(examples, matrices, loss) / supervised;
  }

  private static Function<String, double[]> weights(Shape shape, ModelConfig config) {
    Map<String, double[]> read = new HashMap<>();
    return name ->
        read.computeIfAbsent(
            name,
            missing -> {
              float[] values = RandomModel.weight(config, WEIGHTS, missing);
              boolean linear = missing.endsWith("_proj.weight");
              return FiniteDifferences.wide(
                  shape.quantized() && linear
                      ? Nf4.dequantize(Nf4.quantize(values, BLOCK), BLOCK)
                      : values);
            });
  }

  /** Draws what a training pass draws, for each example by itself. */
  private record TrainingVariation(@Nullable DropoutMasks masks, @Nullable EmbeddingNoise noise)
      implements ReferenceDecoder.Variation {
    private static final Kernels KERNELS = TestEngine.kernels(ElementType.F32);

    @Override
    public double[] updateInputs(Example example, int layer, int group, int width, double[] x) {
      if (masks == null) {
        return x;
      }
      try (Scope scope = new Scope()) {
        long[] offsets = {0, example.inputIds().length};
        int[] alone = {example.index()};
        byte[] keep = masks.mask(KERNELS, scope, alone, offsets, layer, group, width).toBytes();
        double[] dropped = new double[x.length];
        for (int i = 0; i < x.length; i++) {
          dropped[i] = x[i] * keep[i] * masks.scale();
        }
        return dropped;
      }
    }

    @Override
    public double[] embeddings(Example example, double[] x) {
      if (noise == null) {
        return x;
      }
      try (Scope scope = new Scope()) {
        int width = x.length / example.inputIds().length;
        MicroBatch alone = MicroBatch.of(List.of(example));
        float[] added = noise.draw(KERNELS, scope, alone, width).toFloats();
        double[] noisy = x.clone();
        for (int i = 0; i < x.length; i++) {
          noisy[i] += added[i];
        }
        return noisy;
      }
    }
  }
}
