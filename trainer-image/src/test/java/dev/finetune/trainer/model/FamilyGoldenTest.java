package dev.finetune.trainer.model;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.within;

import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.trainer.basemodel.DecoderTensors;
import dev.finetune.trainer.basemodel.ModelConfig;
import dev.finetune.trainer.data.Example;
import dev.finetune.trainer.data.MicroBatch;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.goldens.FamilyGolden;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.AdapterShape;
import dev.finetune.trainer.lora.LoraAdapter;
import dev.finetune.trainer.lora.ModelModules;
import dev.finetune.trainer.loss.CausalCrossEntropy;
import dev.finetune.trainer.loss.Objective;
import dev.finetune.trainer.optim.AdamConstants;
import dev.finetune.trainer.optim.AdamW;
import dev.finetune.trainer.optim.GradientClip;
import dev.finetune.trainer.optim.ParameterLayout;
import dev.finetune.trainer.quant.Nf4;
import dev.finetune.trainer.weights.WeightReader;
import java.nio.FloatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Every family against transformers and PEFT: logits, ten steps of LoRA, NF4 and generation. */
class FamilyGoldenTest {
  private static final double LOGITS = 1e-5;
  private static final double LOSS = 1e-5;
  private static final double ADAPTER = 2e-4;
  private static final int SEQUENCES = 3;
  private static final int BLOCK = 64;

  private final Kernels kernels = TestEngine.kernels(ElementType.F32);

  static List<String> families() {
    return FamilyGolden.names();
  }

  @ParameterizedTest
  @MethodSource("families")
  void logitsEqualTransformersThoughSequencesShareARow(String family) {
    FamilyGolden golden = new FamilyGolden(family);
    try (DecoderModel model = golden.load(kernels, null)) {
      List<Example> rows = new ArrayList<>();
      for (int sequence = 0; sequence < SEQUENCES; sequence++) {
        int[] ids = golden.tokens(sequence);
        rows.add(new Example(sequence, ids, ids));
      }
      MicroBatch batch = MicroBatch.of(rows);
      try (DecoderModel.Forward forward = model.forward(batch, null, null, Tape.discarding())) {
        for (int sequence = 0; sequence < SEQUENCES; sequence++) {
          String prefix = "forward." + sequence + ".";
          long[] places = golden.tensors().longs(prefix + "places");
          long first = batch.offsets()[sequence];
          float[] logits =
              model
                  .loss(null)
                  .logits(forward.hidden(), Arrays.stream(places).map(p -> first + p).toArray());
          assertThat(Goldens.distance(logits, golden.tensors().floats(prefix + "logits")))
              .as("sequence of %d tokens", rows.get(sequence).inputIds().length)
              .isLessThan(LOGITS);
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("families")
  void trainsAsPeft(String family) {
    train(family, Tape::keeping);
  }

  @ParameterizedTest
  @MethodSource("families")
  void trainsAsPeftWhenBlocksAreComputedAgain(String family) {
    train(family, Tape::recomputing);
  }

  private void train(String family, java.util.function.Supplier<Tape> tapes) {
    FamilyGolden golden = new FamilyGolden(family);
    long before = TestEngine.engine().liveTensors();
    ModelConfig config = golden.config();
    ModelModules modules = ModelModules.of(DecoderTensors.shapes(config), config.layers());
    int rank = golden.adapter().path("r").asInt();
    AdapterShape shape =
        AdapterShape.of(modules.linears(), rank, golden.adapter().path("lora_alpha").asDouble());
    Map<String, float[]> expected = golden.adapterTensors("final");
    try (DecoderModel model = golden.load(kernels, null);
        LoraAdapter adapter = new LoraAdapter(kernels, shape);
        AdamW optimizer =
            new AdamW(
                kernels,
                new ParameterLayout(adapter.sections(), adapter.parameters().elements(), 1),
                AdamConstants.standard(golden.run().path("weight_decay").asDouble()))) {
      adapter.setTensors(golden.adapterTensors("init"));
      CausalCrossEntropy loss = model.loss(adapter);
      for (int step = 0; step < golden.run().path("losses").size(); step++) {
        adapter.clearGradients();
        double mean = backward(model, adapter, loss, MicroBatch.of(golden.step(step)), tapes.get());
        double norm = kernels.norm(adapter.gradients());
        double reference = golden.run().path("losses").get(step).asDouble();
        assertThat(mean).as("loss of step %d", step).isCloseTo(reference, within(LOSS * reference));
        double size = golden.run().path("norms").get(step).asDouble();
        assertThat(norm).as("norm of step %d", step).isCloseTo(size, within(10 * LOSS * size));
        optimizer.update(
            adapter.parameters(),
            adapter.gradients(),
            golden.run().path("lr").asDouble(),
            step + 1,
            GradientClip.factor(norm, golden.run().path("max_grad_norm").asDouble()));
        adapter.parametersChanged();
      }
      adapter
          .tensors()
          .forEach(
              (name, matrix) ->
                  assertThat(Goldens.distance(matrix.values(), expected.get(name)))
                      .as(name)
                      .isLessThan(ADAPTER));
      // The names are what PEFT makes of all-linear.
      assertThat(new TreeSet<>(adapter.tensors().keySet()))
          .isEqualTo(new TreeSet<>(expected.keySet()));
    }
    assertThat(TestEngine.engine().liveTensors()).isEqualTo(before);
  }

  private static double backward(
      DecoderModel model,
      LoraAdapter adapter,
      CausalCrossEntropy loss,
      MicroBatch batch,
      Tape tape) {
    int supervised = batch.supervisedTokens();
    try (Scope scope = new Scope();
        DecoderModel.Forward forward = model.forward(batch, adapter, null, tape)) {
      Objective.Result result =
          loss.withGradient(
              scope, forward.hidden(), batch.rows(), batch.labels(), 1.0 / supervised);
      double sum = 0;
      for (float value : result.terms()) {
        sum += value;
      }
      model.backward(forward, result.gradient());
      return sum / supervised;
    }
  }

  @ParameterizedTest
  @MethodSource("families")
  void everyLinearLayerIsQuantized(String family) {
    FamilyGolden golden = new FamilyGolden(family);
    Quantization quantization = new Quantization(QuantizationType.NF4, BLOCK, false);
    int[] ids = golden.tokens(1);
    try (DecoderModel quantized = golden.load(kernels, quantization);
        DecoderModel rounded =
            ModelLoader.load(kernels, golden.config(), new Rounded(golden.weights()), null);
        DecoderModel exact = golden.load(kernels, null)) {
      float[] actual = lastLogits(quantized, ids);
      assertThat(Goldens.distance(actual, lastLogits(rounded, ids))).isLessThan(LOGITS);
      assertThat(Goldens.distance(actual, lastLogits(exact, ids))).isGreaterThan(1e-3);
    }
  }

  /** The weights of linear layers as NF4 leaves them. */
  private record Rounded(WeightReader weights) implements WeightReader {
    @Override
    public Set<String> names() {
      return weights.names();
    }

    @Override
    public long[] shape(String name) {
      return weights.shape(name);
    }

    @Override
    public void read(String name, FloatBuffer target) {
      if (!QuantizedReader.isQuantized(name)) {
        weights.read(name, target);
        return;
      }
      float[] values = new float[target.remaining()];
      weights.read(name, FloatBuffer.wrap(values));
      target.put(Nf4.dequantize(Nf4.quantize(values, BLOCK), BLOCK));
    }

    @Override
    public void close() {
      weights.close();
    }
  }

  private static float[] lastLogits(DecoderModel model, int[] ids) {
    MicroBatch batch = MicroBatch.continuing(ids, 0);
    try (DecoderModel.Forward forward = model.forward(batch, null, null, Tape.discarding())) {
      return model.loss(null).logits(forward.hidden(), new long[] {ids.length - 1L});
    }
  }

  /** Frequencies that depend on the length differ by the step, so that those are left out. */
  @ParameterizedTest
  @MethodSource("families")
  void tokensOneByOneGiveTheLogitsOfTheWhole(String family) {
    FamilyGolden golden = new FamilyGolden(family);
    if (Rope.dependsOnLength(golden.config().ropeScaling())) {
      return;
    }
    int[] ids = golden.tokens(1);
    try (DecoderModel model = golden.load(kernels, null);
        KeyValueCache cache = new KeyValueCache(kernels)) {
      int[] prompt = Arrays.copyOf(ids, 5);
      try (DecoderModel.Forward forward =
          model.next(MicroBatch.continuing(prompt, 0), null, cache)) {
        assertThat(forward.hidden().size(0)).isEqualTo(5);
      }
      for (int i = 5; i < ids.length; i++) {
        MicroBatch next = MicroBatch.continuing(new int[] {ids[i]}, i);
        try (DecoderModel.Forward forward = model.next(next, null, cache)) {
          float[] logits = model.loss(null).logits(forward.hidden(), new long[] {0});
          assertThat(Goldens.distance(logits, lastLogits(model, Arrays.copyOf(ids, i + 1))))
              .as("token %d", i)
              .isLessThan(LOGITS);
        }
      }
    }
  }

  @Test
  void sequencesBeyondLearnedPositionsAreRefused() {
    FamilyGolden golden = new FamilyGolden("gpt2");
    long before = TestEngine.engine().liveTensors();
    try (DecoderModel model = golden.load(kernels, null)) {
      int[] ids = new int[golden.config().maxPositions() + 1];
      assertThatExceptionOfType(InvalidConfiguration.class)
          .isThrownBy(() -> lastLogits(model, ids))
          .withMessage(
              "a sequence of 257 tokens: the model has learned the first 256 positions only");
    }
    assertThat(TestEngine.engine().liveTensors()).isEqualTo(before);
  }

  /** Rounding to eight bits; a wrong product is 100 % off. */
  @ParameterizedTest
  @MethodSource("families")
  void gradientsInBfloat16AreCloseToThoseIn32Bits(String family) {
    FamilyGolden golden = new FamilyGolden(family);
    float[] exact = gradients(TestEngine.kernels(ElementType.F32), golden);
    float[] rounded = gradients(TestEngine.kernels(ElementType.BF16), golden);
    assertThat(Goldens.distance(rounded, exact)).isLessThan(0.1);
  }

  private static float[] gradients(Kernels kernels, FamilyGolden golden) {
    try (DecoderModel model = golden.load(kernels, null);
        LoraAdapter adapter = new LoraAdapter(kernels, AdapterShape.of(model.linears(), 2, 3))) {
      adapter.setTensors(golden.adapterTensors("init"));
      adapter.clearGradients();
      MicroBatch batch = MicroBatch.of(golden.step(0));
      double loss = backward(model, adapter, model.loss(adapter), batch, Tape.keeping());
      assertThat(loss).isFinite();
      return adapter.gradients().toFloats();
    }
  }
}
