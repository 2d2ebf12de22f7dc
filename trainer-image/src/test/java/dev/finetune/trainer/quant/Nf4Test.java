package dev.finetune.trainer.quant;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.api.spec.Quantization;
import dev.finetune.api.spec.QuantizationType;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.Goldens;
import dev.finetune.trainer.goldens.TestEngine;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** NF4 and double quantization against bitsandbytes 0.49.2. */
class Nf4Test {
  private static final GoldenTensors GOLDENS = Goldens.tensors("nf4/nf4.safetensors");
  private static final JsonNode CASES = Goldens.json("nf4/cases.json").path("cases");

  static List<String> cases() {
    List<String> names = new ArrayList<>();
    CASES.fieldNames().forEachRemaining(names::add);
    return names;
  }

  @ParameterizedTest
  @MethodSource("cases")
  void packsTheBytesOfBitsandbytes(String name) {
    Nf4.Quantized quantized = Nf4.quantize(GOLDENS.floats(name + ".input"), block(name));
    assertThat(quantized.packed()).isEqualTo(GOLDENS.bytes(name + ".packed"));
    assertThat(quantized.absmax()).isEqualTo(GOLDENS.floats(name + ".absmax"));
  }

  /** Millions of bit patterns, every number near a bound, and what no arithmetic should make. */
  @Test
  void findsTheNearestValueByTable() {
    int differences = 0;
    for (long bits = Integer.MIN_VALUE; bits <= Integer.MAX_VALUE; bits += 397) {
      float scaled = Float.intBitsToFloat((int) bits);
      differences += Nf4.code(scaled) == Nf4.nearest(scaled) ? 0 : 1;
    }
    for (int code = 1; code < 16; code++) {
      float bound = (Nf4.value(code - 1) + Nf4.value(code)) / 2;
      int near = Float.floatToRawIntBits(bound);
      for (int bits = near - 100_000; bits <= near + 100_000; bits++) {
        float scaled = Float.intBitsToFloat(bits);
        differences += Nf4.code(scaled) == Nf4.nearest(scaled) ? 0 : 1;
      }
    }
    float infinity = Float.POSITIVE_INFINITY;
    for (float special :
        new float[] {Float.NaN, infinity, -infinity, 1, -1, 0, -0f, Math.nextUp(1f), 2, -2}) {
      differences += Nf4.code(special) == Nf4.nearest(special) ? 0 : 1;
    }
    assertThat(differences).isZero();
  }

  @ParameterizedTest
  @MethodSource("cases")
  void dequantizesAsTheRuleSays(String name) {
    int block = block(name);
    float[] expected = dequantized(name);
    float[] weights = GOLDENS.floats(name + ".input");
    assertThat(Nf4.dequantize(Nf4.quantize(weights, block), block)).isEqualTo(expected);
    assertThat(materialized(weights, shape(name), block, false)).isEqualTo(expected);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void quantizesScalesAsBitsandbytes(String name) {
    float[] absmax = GOLDENS.floats(name + ".absmax");
    DoubleQuantization.Quantized nested = DoubleQuantization.quantize(absmax, mean(absmax));
    assertThat(nested.offset()).isEqualTo(GOLDENS.floats(name + ".dq.offset")[0]);
    assertThat(nested.absmax()).isEqualTo(GOLDENS.floats(name + ".dq.absmax2"));
    assertThat(nested.codes()).isEqualTo(GOLDENS.bytes(name + ".dq.absmax8"));
    assertThat(DoubleQuantization.dequantize(nested))
        .isEqualTo(GOLDENS.floats(name + ".dq.absmax"));
  }

  @ParameterizedTest
  @MethodSource("cases")
  void kernelDequantizesAsTheReference(String name) {
    int block = block(name);
    float[] weights = GOLDENS.floats(name + ".input");
    Nf4.Quantized quantized = Nf4.quantize(weights, block);
    float[] scales =
        DoubleQuantization.dequantize(
            DoubleQuantization.quantize(quantized.absmax(), mean(quantized.absmax())));
    float[] expected =
        Nf4.dequantize(new Nf4.Quantized(quantized.packed(), scales, weights.length), block);
    assertThat(materialized(weights, shape(name), block, true)).isEqualTo(expected);
  }

  private static float mean(float[] values) {
    try (Scope scope = new Scope()) {
      return (float)
          TestEngine.kernels(ElementType.F32)
              .mean(TestEngine.engine().floats(scope, values, values.length));
    }
  }

  private static float[] materialized(
      float[] weights, long[] shape, int block, boolean doubleQuantization) {
    Kernels kernels = TestEngine.kernels(ElementType.F32);
    try (Nf4Table table = new Nf4Table(kernels.engine());
        Nf4Weight weight =
            Nf4Weight.builder(
                    kernels,
                    table,
                    shape[0],
                    shape[1],
                    new Quantization(QuantizationType.NF4, block, doubleQuantization))
                .add(weights, weights.length)
                .build();
        Scope scope = new Scope()) {
      return weight.materialize(scope).toFloats();
    }
  }

  /**
   * bitsandbytes' CPU kernel is wrong where a row is no multiple of a block; then the rule is
   * given.
   */
  private static float[] dequantized(String name) {
    String rule = name + ".dequant_rule";
    return GOLDENS.floats(GOLDENS.names().contains(rule) ? rule : name + ".dequant");
  }

  private static int block(String name) {
    return CASES.path(name).path("blocksize").asInt();
  }

  private static long[] shape(String name) {
    return GOLDENS.shape(name + ".input");
  }
}
