package dev.finetune.trainer.weights;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.failure.InvalidConfiguration;
import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.Goldens;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BlockEncoderTest {
  @ParameterizedTest
  @EnumSource(names = {"F16", "Q4_0", "Q8_0"})
  void encodesAsTheReferenceDoes(BlockEncoder type) {
    GoldenTensors golden = Goldens.tensors("gguf/blocks-encoded.safetensors");
    float[] values = golden.floats("values");
    byte[] expected = golden.bytes(type + ".bytes");
    ByteBuffer out = ByteBuffer.allocate(expected.length).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i < values.length; i += type.elements()) {
      type.encode("x", values, i, out);
    }
    assertThat(out.array()).isEqualTo(expected);
  }

  @Test
  void refusesWhatHalfPrecisionCannotHold() {
    assertThatThrownBy(
            () -> BlockEncoder.F16.encode("x", new float[] {1e5f}, 0, ByteBuffer.allocate(2)))
        .isInstanceOf(InvalidConfiguration.class)
        .hasMessageContaining("x: fp16 holds numbers up to 65504, found 100000.0");
  }
}
