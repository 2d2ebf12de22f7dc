package dev.finetune.trainer.optim;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.engine.Tensor;
import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.TestEngine;
import dev.finetune.trainer.lora.ParameterSection;
import dev.finetune.trainer.quant.DynamicMap;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Twelve steps of each optimizer against torch, transformers, PEFT and bitsandbytes. */
class OptimizerTest {
  private static final JsonNode GOLDENS = OptimizerGoldens.json("cases.json");
  private static final int ALIGNMENT = 32;

  static Stream<JsonNode> cases() {
    return StreamSupport.stream(GOLDENS.path("cases").spliterator(), false);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void stepsAsTheReferenceDoes(JsonNode golden) {
    Kernels kernels = TestEngine.kernels(ElementType.F32);
    ParameterLayout layout = layout(golden.path("ratio").asDouble());
    GoldenTensors expected = OptimizerGoldens.tensors(golden.path("name").asText());
    long live = TestEngine.engine().liveTensors();
    try (Scope scope = new Scope();
        Optimizer optimizer = optimizer(kernels, layout, golden)) {
      Tensor parameters = steps(kernels, scope, optimizer, layout, golden);
      compareParameters(layout, parameters.toFloats(), expected);
      Set<String> compared = compareState(optimizer.state(), expected);
      assertThat(compared).isEqualTo(statesOf(expected));
    }
    assertThat(TestEngine.engine().liveTensors()).isEqualTo(live);
  }

  @Test
  void theGoldensHoldEachOptimizer() {
    assertThat(cases().map(golden -> golden.path("optimizer").asText()))
        .contains("AdamW", "AdamW8bit", "SGD", "Adafactor");
  }

  @Test
  void dynamicMapsAreThoseOfBitsandbytes() {
    GoldenTensors golden = OptimizerGoldens.tensors("adamw8bit");
    assertThat(DynamicMap.signed()).isEqualTo(golden.floats("signed_map"));
    assertThat(DynamicMap.unsigned()).isEqualTo(golden.floats("unsigned_map"));
  }

  @Test
  void limitsOfAMapSeparateWhatIsNearest() {
    for (float[] map : List.of(DynamicMap.signed(), DynamicMap.unsigned())) {
      float[] limits = DynamicMap.limits(map);
      for (int i = 0; i < limits.length; i++) {
        double below = (double) limits[i] - map[i];
        double above = (double) map[i + 1] - limits[i];
        assertThat(below).isLessThanOrEqualTo(above);
        double next = Math.nextUp(limits[i]);
        assertThat(next - map[i]).isGreaterThan(map[i + 1] - next);
      }
    }
  }

  /** LoRA+ means that A and B learn as if each had an optimizer of its own. */
  @Test
  void theRatioActsAsTwoOptimizersWithTwoRates() {
    Kernels kernels = TestEngine.kernels(ElementType.F32);
    for (JsonNode golden : (Iterable<JsonNode>) cases()::iterator) {
      float[] slow = parametersAfter(kernels, golden, 1, 1);
      float[] fast = parametersAfter(kernels, golden, 1, 8);
      float[] both = parametersAfter(kernels, golden, 8, 1);
      for (ParameterSection section : layout(1).sections()) {
        boolean isA = section.kind() == ParameterSection.Kind.A;
        compare(section.name(), part(both, section), part(isA ? slow : fast, section));
        assertThat(part(slow, section)).isNotEqualTo(part(fast, section));
      }
    }
  }

  @Test
  void oneRateIsOneRangeAndTwoRatesAreFew() {
    assertThat(layout(1).ranges()).hasSize(1);
    ParameterLayout layout = layout(2);
    assertThat(layout.ranges()).hasSizeLessThan(layout.sections().size());
    assertThat(layout.ranges().getLast().end()).isLessThanOrEqualTo(layout.size());
  }

  private static float[] parametersAfter(
      Kernels kernels, JsonNode golden, double ratio, double rateFactor) {
    ParameterLayout layout = layout(ratio);
    try (Scope scope = new Scope();
        Optimizer optimizer = optimizer(kernels, layout, golden)) {
      Tensor parameters = kernels.engine().floats(scope, flat(layout, 997, true), layout.size());
      for (int step = 1; step <= 5; step++) {
        try (Scope temporary = new Scope()) {
          Tensor gradients =
              kernels.engine().floats(temporary, flat(layout, step, false), layout.size());
          optimizer.update(parameters, gradients, 1e-3 * rateFactor, step, 1);
        }
      }
      return parameters.toFloats();
    }
  }

  private static Tensor steps(
      Kernels kernels, Scope scope, Optimizer optimizer, ParameterLayout layout, JsonNode golden) {
    Tensor parameters = kernels.engine().floats(scope, flat(layout, 997, true), layout.size());
    double clip = golden.path("clip").asDouble();
    int step = 0;
    for (JsonNode rate : golden.path("rates")) {
      step++;
      float[] values = flat(layout, step, false);
      try (Scope temporary = new Scope()) {
        Tensor gradients = kernels.engine().floats(temporary, values, layout.size());
        optimizer.update(parameters, gradients, rate.asDouble(), step, clip);
        assertThat(gradients.toFloats()).as("gradients stay").isEqualTo(values);
      }
    }
    return parameters;
  }

  private static Optimizer optimizer(Kernels kernels, ParameterLayout layout, JsonNode golden) {
    double decay = golden.path("weightDecay").asDouble();
    AdamConstants constants =
        new AdamConstants(
            golden.path("beta1").asDouble(),
            golden.path("beta2").asDouble(),
            golden.path("epsilon").asDouble(),
            decay);
    return switch (golden.path("optimizer").asText()) {
      case "AdamW" -> new AdamW(kernels, layout, constants);
      case "AdamW8bit" -> new AdamW8bit(kernels, layout, constants);
      case "SGD" -> new Sgd(kernels, layout, golden.path("momentum").asDouble(), decay);
      case "Adafactor" -> new Adafactor(kernels, layout, decay);
      default -> throw new IllegalArgumentException(golden.path("optimizer").asText());
    };
  }

  private static void compareParameters(
      ParameterLayout layout, float[] parameters, GoldenTensors expected) {
    for (ParameterSection section : layout.sections()) {
      float[] reference = expected.floats(section.name() + ".parameter");
      compare(section.name(), part(parameters, section), reference);
    }
  }

  private static Set<String> compareState(List<StateTensor> state, GoldenTensors expected) {
    Set<String> compared = new TreeSet<>();
    for (StateTensor tensor : state) {
      assertThat(tensor.shape()).as(tensor.name()).isEqualTo(expected.shape(tensor.name()));
      switch (tensor) {
        case StateTensor.Floats floats ->
            compare(
                tensor.name(),
                floats.values().toArray(ValueLayout.JAVA_FLOAT),
                expected.floats(tensor.name()));
        case StateTensor.Codes codes ->
            compareCodes(tensor.name(), codes, expected.bytes(tensor.name()));
      }
      compared.add(tensor.name());
    }
    return compared;
  }

  /** Moments cancel out, so that only the largest says what rounding can do. */
  private static void compare(String name, float[] actual, float[] reference) {
    assertThat(actual).as(name).hasSameSizeAs(reference);
    double largest = 0;
    double distance = 0;
    for (int i = 0; i < reference.length; i++) {
      largest = Math.max(largest, Math.abs(reference[i]));
      distance = Math.max(distance, Math.abs(actual[i] - reference[i]));
    }
    assertThat(distance).as(name).isLessThanOrEqualTo(1e-6 * largest);
  }

  /** On a processor that rounds otherwise, a number near a limit may get the code beside it. */
  private static void compareCodes(String name, StateTensor.Codes codes, byte[] reference) {
    int beside = 0;
    for (int i = 0; i < reference.length; i++) {
      int distance =
          Math.abs((codes.values().get(ValueLayout.JAVA_BYTE, i) & 0xff) - (reference[i] & 0xff));
      beside += distance > 1 ? reference.length : distance;
    }
    assertThat(beside).as(name).isLessThanOrEqualTo(reference.length / 1000);
  }

  private static Set<String> statesOf(GoldenTensors expected) {
    Set<String> names = new TreeSet<>(expected.names());
    names.removeIf(name -> name.endsWith(".parameter") || name.endsWith("_map"));
    return names;
  }

  private static ParameterLayout layout(double ratio) {
    List<ParameterSection> sections = new ArrayList<>();
    long end = 0;
    for (JsonNode golden : GOLDENS.path("sections")) {
      JsonNode shape = golden.path("shape");
      ParameterSection section =
          new ParameterSection(
              golden.path("name").asText(),
              kind(golden.path("kind").asText()),
              end,
              shape.get(0).asLong(),
              shape.size() == 1 ? 1 : shape.get(1).asLong());
      sections.add(section);
      end += (section.elements() + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    }
    return new ParameterLayout(sections, end, ratio);
  }

  private static ParameterSection.Kind kind(String name) {
    return switch (name) {
      case "B" -> ParameterSection.Kind.B;
      case "vector" -> ParameterSection.Kind.MAGNITUDE;
      // To an optimizer, a matrix that is trained whole is as A.
      default -> ParameterSection.Kind.A;
    };
  }

  private static float[] part(float[] flat, ParameterSection section) {
    int start = Math.toIntExact(section.start());
    return Arrays.copyOfRange(flat, start, start + Math.toIntExact(section.elements()));
  }

  /** Returns the parameters before the first step, or gradients of a step, as the script does. */
  private static float[] flat(ParameterLayout layout, int step, boolean initial) {
    float[] flat = new float[Math.toIntExact(layout.size())];
    for (int index = 0; index < layout.sections().size(); index++) {
      ParameterSection section = layout.sections().get(index);
      boolean quiet = !initial && index == 2 && step <= 3;
      for (int i = 0; i < section.elements() && !quiet; i++) {
        float value = number(i, index, step);
        flat[Math.toIntExact(section.start()) + i] = initial ? value / 8 : value;
      }
    }
    return flat;
  }

  private static float number(long i, long section, long step) {
    long place = (i * 7919 + step * 104729 + section * 31337 + 17) % 2003;
    long exponent = (i * 31 + step * 17 + section * 7) % 9;
    return place % 5 == 0 ? 0 : Math.scalb((place - 1001) / 1024f, (int) -exponent);
  }
}
