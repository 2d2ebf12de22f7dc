package dev.finetune.trainer.engine;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.goldens.TestEngine;
import java.lang.foreign.MemorySegment;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a GPU needs, as far as processors can do it too. */
class DeviceAccessTest {
  private final Engine engine = TestEngine.engine();
  private final HostAccess.ByCopy access = new HostAccess.ByCopy(new TorchShim());

  @AfterEach
  void makeLibtorchAsItWas() {
    Determinism.set("setDeterministicAlgorithms", false, false);
    Determinism.set("setDeterministicFillUninitializedMemory", true);
  }

  @Test
  void copiesOfLibtorchPutBytesWhereTheyBelong() {
    try (Scope scope = new Scope()) {
      Tensor tensor = engine.floats(scope, new float[] {1, 2, 3, 4, 5, 6}, 6);
      access.write(tensor, 2 * Float.BYTES, MemorySegment.ofArray(new float[] {-3, -4}));
      assertThat(tensor.toFloats()).containsExactly(1, 2, -3, -4, 5, 6);
      assertThat(access.read(tensor).toArray(JAVA_FLOAT)).isEqualTo(tensor.toFloats());
      Tensor part = new Kernels(engine, ElementType.F32).view(scope, tensor, 3, 1, 2);
      assertThat(access.read(part).toArray(JAVA_FLOAT)).containsExactly(-4, 5);
      access.write(part, 0, MemorySegment.ofArray(new float[] {8}));
      assertThat(tensor.toFloats()).containsExactly(1, 2, -3, 8, 5, 6);
    }
  }

  @Test
  void copiesNothingToAndFromAnEmptyTensor() {
    try (Scope scope = new Scope()) {
      Tensor tensor = engine.empty(scope, ElementType.U8, 0);
      access.write(tensor, 0, MemorySegment.ofArray(new byte[0]));
      assertThat(access.read(tensor).toArray(JAVA_BYTE)).isEmpty();
    }
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, 1, 4, Long.MAX_VALUE})
  void copiesNothingBeyondTheEnd(long first) {
    try (Scope scope = new Scope()) {
      Tensor tensor = engine.zeros(scope, 1);
      MemorySegment bytes = MemorySegment.ofArray(new float[] {1});
      assertThatThrownBy(() -> access.write(tensor, first, bytes))
          .isInstanceOf(IndexOutOfBoundsException.class)
          .hasMessageContaining("do not fit into tensor [1] of 4 bytes");
      assertThat(tensor.toFloats()).containsExactly(0);
    }
  }

  @Test
  void leavesNoTensorBehind() {
    long before = engine.liveTensors();
    try (Scope scope = new Scope()) {
      Tensor tensor = engine.zeros(scope, 4, 4);
      access.write(tensor, 0, MemorySegment.ofArray(new float[16]));
      access.read(tensor);
      engine.fetch(tensor, ElementType.F32);
    }
    assertThat(engine.liveTensors()).isEqualTo(before);
  }

  @Test
  void fetchesInRowMajorOrderAndInTheTypeThatIsWanted() {
    Kernels kernels = new Kernels(engine, ElementType.BF16);
    try (Scope scope = new Scope()) {
      float[] numbers = {1, 2, 3, 4, 5, 6, 7, 8};
      Tensor wide = kernels.toActivations(scope, engine.floats(scope, numbers, 1, 8));
      // Halves of a head side by side, and back: the result of a rotation by nothing.
      Tensor cos = kernels.toActivations(scope, engine.floats(scope, new float[] {1, 1}, 1, 1, 2));
      Tensor sin = kernels.toActivations(scope, engine.zeros(scope, 1, 1, 2));
      Tensor heads = kernels.rotate(scope, wide, 2, 4, cos, sin);
      MemorySegment fetched = engine.fetch(heads, ElementType.F32);
      assertThat(fetched.toArray(JAVA_FLOAT)).isEqualTo(numbers);
      assertThat(fetched.asByteBuffer().remaining()).as("files are written so").isEqualTo(32);
    }
  }

  @Test
  void tellsLibtorchToComputeTheSameBitsEachTime() {
    assertThat(Determinism.required()).isFalse();
    Determinism.require();
    assertThat(Determinism.required()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {":4096:8", ":16:8"})
  void takesWorkspacesOfAFixedSize(String workspace) {
    Determinism.requireFixedWorkspace(workspace);
  }

  @Test
  void refusesWorkspacesThatMayDiffer() {
    assertThatThrownBy(() -> Determinism.requireFixedWorkspace(null))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessage(
            "CUBLAS_WORKSPACE_CONFIG: must be :4096:8 or :16:8 on a GPU, or two runs differ, was"
                + " not set");
    assertThatThrownBy(() -> Determinism.requireFixedWorkspace(":0:0"))
        .hasMessageEndingWith("was :0:0");
  }

  @Test
  void knowsALibtorchForCudaByItsFlavor() {
    assertThat(Libtorch.of(Map.of()).forCuda()).isFalse();
    assertThat(Libtorch.of(Map.of("PYTORCH_FLAVOR", "cpu")).forCuda()).isFalse();
    assertThat(Libtorch.of(Map.of("PYTORCH_FLAVOR", "cu128")).forCuda()).isTrue();
  }

  /** The kernel is not there on processors, but its arguments are checked before that is found. */
  @Test
  void theFlashKernelIsCalledWithTheArgumentsThatItTakes() {
    Kernels kernels = new Kernels(engine, ElementType.BF16);
    try (Scope scope = new Scope()) {
      Tensor q = kernels.toActivations(scope, engine.zeros(scope, 5, 4, 8));
      Tensor k = kernels.toActivations(scope, engine.zeros(scope, 5, 2, 8));
      Tensor starts = engine.call(scope, "starts", q, new long[] {0, 3, 5});
      assertThat(kernels.toFloat(scope, starts).toFloats()).containsExactly(0, 3, 5);
      assertThat(starts.bytes()).as("32-bit integers").isEqualTo(12);
      assertThatThrownBy(
              () -> engine.callTuple(scope, "attention_by_flash", q, k, k, starts, 3L, 0.5))
          .hasMessageContaining("aten::_flash_attention_forward")
          .hasMessageContaining("'CPU' backend");
    }
  }
}
