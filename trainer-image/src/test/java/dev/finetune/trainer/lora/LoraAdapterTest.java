package dev.finetune.trainer.lora;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.finetune.trainer.engine.ElementType;
import dev.finetune.trainer.engine.Kernels;
import dev.finetune.trainer.engine.Scope;
import dev.finetune.trainer.goldens.TestEngine;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class LoraAdapterTest {
  private static final LinearShape FIRST = new LinearShape("a.q_proj", 25, 7);
  private static final LinearShape SECOND = new LinearShape("b.q_proj", 25, 3);

  private final Kernels kernels = TestEngine.kernels(ElementType.F32);

  @Test
  void drawsAFromKaimingsBoundsAndLeavesBZero() {
    try (LoraAdapter adapter = new LoraAdapter(kernels, List.of(FIRST, SECOND), 4, 8)) {
      adapter.initialize(42);
      float[] a = adapter.tensors().get("a.q_proj.lora_A.weight").values();
      assertThat(a).hasSize(100);
      double mean = 0;
      double largest = 0;
      for (float value : a) {
        mean += value / 100;
        largest = Math.max(largest, Math.abs(value));
      }
      assertThat(mean).isCloseTo(0, within(0.05));
      assertThat(largest).isBetween(0.15, 0.2);
      assertThat(adapter.tensors().get("a.q_proj.lora_B.weight").values()).containsOnly(0f);
      assertThat(adapter.tensors().get("b.q_proj.lora_A.weight").values()).isNotEqualTo(a);
    }
  }

  @Test
  void drawsGaussianAWithOneByRankAsDeviation() {
    LinearShape wide = new LinearShape("a.q_proj", 1000, 7);
    try (LoraAdapter adapter = new LoraAdapter(kernels, List.of(wide), 4, 8)) {
      adapter.initializeGaussian(42);
      float[] a = adapter.tensors().get("a.q_proj.lora_A.weight").values();
      double mean = 0;
      double squares = 0;
      int within = 0;
      for (float value : a) {
        mean += value / a.length;
        squares += value * value / a.length;
        within += Math.abs(value) < 0.25 ? 1 : 0;
      }
      assertThat(mean).isCloseTo(0, within(0.015));
      assertThat(Math.sqrt(squares)).isCloseTo(0.25, within(0.01));
      assertThat(within / (double) a.length).isCloseTo(0.683, within(0.03));
      assertThat(adapter.tensors().get("a.q_proj.lora_B.weight").values()).containsOnly(0f);
    }
  }

  @Test
  void drawsNormalBOfAnEmbeddingAndLeavesAZero() {
    LoraTarget embedding = new LoraTarget(new LinearShape("embed_tokens", 50, 400), 3, 2, true);
    try (LoraAdapter adapter =
        new LoraAdapter(kernels, new AdapterShape(List.of(embedding), false))) {
      adapter.initialize(42);
      assertThat(adapter.tensors().get("embed_tokens.lora_embedding_A").values()).containsOnly(0f);
      LoraAdapter.Matrix b = adapter.tensors().get("embed_tokens.lora_embedding_B");
      assertThat(b.shape()).containsExactly(400, 3);
      double squares = 0;
      for (float value : b.values()) {
        squares += value * value / b.values().length;
      }
      assertThat(squares).isCloseTo(1, within(0.15));
    }
  }

  @Test
  void whatAModuleDrawsDoesNotDependOnTheOthers() {
    try (LoraAdapter both = new LoraAdapter(kernels, List.of(FIRST, SECOND), 4, 8);
        LoraAdapter alone = new LoraAdapter(kernels, List.of(SECOND), 4, 8)) {
      both.initialize(7);
      alone.initialize(7);
      String name = "b.q_proj.lora_A.weight";
      assertThat(alone.tensors().get(name).values()).isEqualTo(both.tensors().get(name).values());
      alone.initialize(8);
      assertThat(alone.tensors().get(name).values())
          .isNotEqualTo(both.tensors().get(name).values());
    }
  }

  @Test
  void modulesAreViewsOfOneBufferAndCountOnlyTheirOwn() {
    try (LoraAdapter adapter = new LoraAdapter(kernels, List.of(FIRST, SECOND), 4, 8)) {
      assertThat(adapter.parameterCount()).isEqualTo(4 * (25 + 7) + 4 * (25 + 3));
      assertThat(adapter.parameters().elements()).isGreaterThanOrEqualTo(adapter.parameterCount());
      assertThat(adapter.find("a.q_proj").scaling()).isEqualTo(2);
      assertThat(adapter.find("a.k_proj")).isNull();
      kernels.fill(adapter.find("b.q_proj").gradientB(), 3);
      assertThat(adapter.gradientTensors().get("b.q_proj.lora_B.weight").values()).containsOnly(3f);
      assertThat(adapter.gradientTensors().get("a.q_proj.lora_B.weight").values()).containsOnly(0f);
    }
  }

  @Test
  void allAOfAGroupAreOneMatrixAndSectionsNameEveryElement() {
    try (LoraAdapter adapter =
        new LoraAdapter(
            kernels,
            new AdapterShape(
                List.of(new LoraTarget(FIRST, 4, 2), new LoraTarget(SECOND, 3, 0.5)), false))) {
      float[] places = new float[(int) adapter.parameters().elements()];
      for (int i = 0; i < places.length; i++) {
        places[i] = i;
      }
      adapter.setParameters(places);
      LoraGroup group = adapter.group(List.of("a.q_proj", "a.k_proj", "b.q_proj"));
      assertThat(group.a().shape()).containsExactly(7, 25);
      assertThat(group.members().get(1)).isNull();
      assertThat(group.members().get(2).update().start()).isEqualTo(4);
      assertThat(group.members().get(2).update().end()).isEqualTo(7);
      assertThat(group.members().get(2).update().scaling()).isEqualTo(0.5);
      float[] a = group.a().toFloats();
      assertThat(Arrays.copyOf(a, 100))
          .isEqualTo(adapter.tensors().get("a.q_proj.lora_A.weight").values());
      assertThat(Arrays.copyOfRange(a, 100, 175))
          .isEqualTo(adapter.tensors().get("b.q_proj.lora_A.weight").values());
      for (ParameterSection section : adapter.sections()) {
        LoraAdapter.Matrix matrix = adapter.tensors().get(section.name());
        assertThat(matrix.shape()).containsExactly(section.rows(), section.columns());
        assertThat(matrix.values()[0]).isEqualTo(section.start());
      }
      assertThat(adapter.group(List.of("a.k_proj"))).isNull();
    }
  }

  @Test
  void refusesAGroupWhoseLayersDoNotFollowEachOther() {
    try (LoraAdapter adapter = new LoraAdapter(kernels, List.of(FIRST, SECOND), 4, 8)) {
      assertThatThrownBy(() -> adapter.group(List.of("b.q_proj", "a.q_proj")))
          .isInstanceOf(IllegalStateException.class)
          .hasMessage("a.q_proj: its A does not follow that of its group");
    }
  }

  @Test
  void namesATensorThatIsMissing() {
    try (LoraAdapter adapter = new LoraAdapter(kernels, List.of(FIRST), 4, 8)) {
      Map<String, float[]> tensors = new HashMap<>();
      tensors.put("a.q_proj.lora_A.weight", new float[100]);
      assertThatThrownBy(() -> adapter.setTensors(tensors))
          .hasMessage("a.q_proj.lora_B.weight: expected 28 numbers, found no such tensor");
    }
  }

  @Test
  void dropsTheGivenShareByExampleAndNotByPlaceInTheRow() {
    DropoutMasks masks = new DropoutMasks(1, 3, 0.25);
    byte[] together = mask(masks, new int[] {5, 9}, 0, 400, 1000);
    byte[] alone = mask(masks, new int[] {9}, 0, 600);
    int width = 8;
    int kept = 0;
    for (byte keep : together) {
      kept += keep;
    }
    assertThat(kept / (double) together.length).isCloseTo(0.75, within(0.02));
    for (int i = 0; i < alone.length; i++) {
      assertThat(together[400 * width + i]).isEqualTo(alone[i]);
    }
    assertThat(mask(new DropoutMasks(1, 4, 0.25), new int[] {9}, 0, 600)).isNotEqualTo(alone);
    assertThat(mask(new DropoutMasks(2, 3, 0.25), new int[] {9}, 0, 600)).isNotEqualTo(alone);
  }

  private byte[] mask(DropoutMasks masks, int[] examples, long... offsets) {
    try (Scope scope = new Scope()) {
      byte[] bytes = masks.mask(kernels, scope, examples, offsets, 2, 1, 8).toBytes();
      assertThat(bytes).containsOnly(0, 1);
      return bytes;
    }
  }
}
