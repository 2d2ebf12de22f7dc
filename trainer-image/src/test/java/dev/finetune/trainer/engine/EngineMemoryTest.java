package dev.finetune.trainer.engine;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.goldens.TestEngine;
import org.junit.jupiter.api.Test;

class EngineMemoryTest {
  private final Engine engine = TestEngine.engine();
  private final Kernels kernels = TestEngine.kernels(ElementType.BF16);

  @Test
  void countsBytesByTheTypeOfTheElements() {
    long before = engine.liveBytes();
    try (Scope scope = new Scope()) {
      Tensor wide = engine.zeros(scope, 3, 5);
      assertThat(wide.bytes()).isEqualTo(60);
      assertThat(engine.liveBytes() - before).isEqualTo(60);
      Tensor narrow = kernels.toActivations(scope, wide);
      assertThat(narrow.bytes()).isEqualTo(30);
      assertThat(engine.liveBytes() - before).isEqualTo(90);
      engine.longs(scope, new long[7]);
      assertThat(engine.liveBytes() - before).isEqualTo(146);
    }
    assertThat(engine.liveBytes()).isEqualTo(before);
  }

  @Test
  void viewsAddNothingAndKeepTheirMemory() {
    long before = engine.liveBytes();
    try (Scope scope = new Scope()) {
      Tensor flat = engine.zeros(scope, 32);
      Tensor part = kernels.view(scope, flat, 8, 3, 4);
      Tensor whole = kernels.reshape(scope, flat, 4, 8);
      Tensor same = kernels.toFloat(scope, flat);
      assertThat(part.bytes()).isEqualTo(48);
      assertThat(engine.liveBytes() - before).isEqualTo(128);
      scope.free(flat);
      scope.free(whole);
      scope.free(same);
      assertThat(engine.liveBytes() - before).isEqualTo(128);
      scope.free(part);
      assertThat(engine.liveBytes()).isEqualTo(before);
    }
  }

  @Test
  void remembersThePeakUntilItIsReset() {
    long before = engine.liveBytes();
    engine.resetPeakBytes();
    try (Scope scope = new Scope()) {
      engine.zeros(scope, 1000);
    }
    assertThat(engine.peakBytes() - before).isEqualTo(4000);
    engine.resetPeakBytes();
    assertThat(engine.peakBytes()).isEqualTo(before);
  }

  @Test
  void writesPartsInTheTypeOfTheTensorAsLibtorchRounds() {
    float[] values = {
      1.00390625f, 1.01171875f, -3.1415927f, 1e-40f, Float.POSITIVE_INFINITY, 65504
    };
    try (Scope scope = new Scope()) {
      Tensor wide = engine.floats(scope, values, values.length);
      Tensor expected = kernels.toFloat(scope, kernels.toActivations(scope, wide));
      Tensor narrow = engine.empty(scope, ElementType.BF16, values.length);
      engine.write(narrow, 0, values, 2);
      float[] rest = {values[2], values[3], values[4], values[5]};
      engine.write(narrow, 2, rest, 4);
      assertThat(kernels.toFloat(scope, narrow).toFloats()).isEqualTo(expected.toFloats());
    }
  }

  @Test
  void refusesToWriteBeyondTheEnd() {
    try (Scope scope = new Scope()) {
      Tensor tensor = engine.zeros(scope, 4);
      assertThatThrownBy(() -> engine.write(tensor, 2, new float[3], 3))
          .isInstanceOf(IndexOutOfBoundsException.class);
      assertThatThrownBy(() -> engine.set(tensor, new float[5]))
          .hasMessageContaining("expected 16 bytes, got 20");
      assertThat(tensor.toFloats()).containsOnly(0);
    }
  }
}
