package dev.finetune.trainer.weights;

import static org.assertj.core.api.Assertions.assertThat;

import dev.finetune.trainer.goldens.GoldenTensors;
import dev.finetune.trainer.goldens.Goldens;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.EnumSource.Mode;

class BlockDecoderTest {
  @ParameterizedTest
  @EnumSource(mode = Mode.EXCLUDE, names = "F32")
  void decodesEveryTypeAsTheReferenceDoes(BlockDecoder type) {
    boolean byTable = type.name().startsWith("IQ4");
    GoldenTensors golden =
        Goldens.tensors("gguf/" + (byTable ? "blocks-table" : "blocks") + ".safetensors");
    byte[] bytes = golden.bytes(type + ".bytes");
    float[] expected = golden.floats(type + ".values");
    float[] values = new float[expected.length];
    assertThat(bytes.length / type.bytes() * type.elements()).isEqualTo(expected.length);
    for (int block = 0; block < bytes.length / type.bytes(); block++) {
      type.decode(bytes, block * type.bytes(), values, block * type.elements());
    }
    assertThat(values).isEqualTo(expected);
  }
}
